// SPDX-License-Identifier: Apache-2.0
// The time-stamp counter around one call, and what a distribution of such times looks like. x86-64.
#pragma once

#include <x86intrin.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>

namespace latency {

// The fences keep the timed call from overlapping with the reading of the clock, on either side.
inline uint64_t ticks_before() {
  _mm_lfence();
  const uint64_t ticks = __rdtsc();
  _mm_lfence();
  return ticks;
}

inline uint64_t ticks_after() {
  unsigned cpu;
  const uint64_t ticks = __rdtscp(&cpu);  // waits for what came before it
  _mm_lfence();
  return ticks;
}

// What the two cost by themselves: the least, so that no time of a call is ever taken off.
inline uint64_t ticks_of_nothing() {
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t before = ticks_before();
    least = std::min(least, ticks_after() - before);
  }
  return least;
}

// Filled in a handler, so it does not grow: what comes when it is full is left out.
class Samples {
 public:
  void add(uint64_t ticks) {
    if (count_ < kMost) ticks_[count_++] = ticks;
  }

  size_t count() const { return count_; }

  void sort() { std::sort(ticks_.get(), ticks_.get() + count_); }

  // Of sorted samples, the one that a share of `permille` of a thousand does not exceed.
  uint64_t at_permille(size_t permille) const { return count_ == 0 ? 0 : ticks_[(count_ - 1) * permille / 1000]; }

 private:
  static constexpr size_t kMost = size_t{1} << 21;

  std::unique_ptr<uint64_t[]> ticks_{new uint64_t[kMost]};  // not cleared: pages nobody needs cost nothing
  size_t count_ = 0;
};

}  // namespace latency
