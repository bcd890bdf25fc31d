// SPDX-License-Identifier: Apache-2.0
// Tokens that wander between magazines and the hands of threads and handlers, by sections alone. Each is in one
// magazine or with one owner: a section that goes on where the kernel should have aborted it leaves one of them twice,
// or nowhere.
//
// take_and_put_back, own_and_put_back, and take_or_put_back with a hand of one's own: any thread, any handler, at any
// time. count_tokens: when nobody else works on them any more and all hands are empty.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "selftest/regions.h"

namespace reslab::selftest {

// What a broken section leaves behind; all 0 where the kernel keeps its promises.
struct Damage {
  uint64_t lost;          // tokens that are nowhere
  uint64_t twice;         // that are in two places, or had two owners
  uint64_t impossible;    // words that are no tokens, counts above what was asked for
  uint64_t not_put_back;  // tokens that no magazine took, though there is room for all in each
};

// What an interrupter keeps from one time to the next.
struct Hand {
  static constexpr uint32_t kMost = 3;
  void* tokens[kMost] = {};
  uint32_t count = 0;
};

class Stress {
 public:
  static constexpr uint32_t kBatch = 1000;  // tokens that a section moves at most

  // Some tokens in each magazine, whichever a thread will find.
  explicit Stress(const CpuSetup& setup);

  // False: there was no memory for it.
  bool is_ready() const { return regions_.are_mapped(); }

  // Takes up to `most` tokens and puts them back: nearly all the time in sections.
  void take_and_put_back(uint32_t most);

  // The same, and owns a few of them meanwhile.
  void own_and_put_back(uint32_t most);

  // For those that interrupt others: owns some, or puts back what it has had since the last time. Did it do both at
  // once, the magazine would look as before, and a section that goes on behind it would do no harm.
  void take_or_put_back(Hand& hand);

  uint64_t aborts() const { return aborts_.load(std::memory_order_relaxed); }

  Damage count_tokens() const;

 private:
  uint32_t take(void** hand, uint32_t most);
  void put_back(void** hand, uint32_t n);
  void own(void* const* tokens, uint32_t n);
  void disown(void* const* tokens, uint32_t n);
  void fill();

  // All counts are relaxed: they are read for certain when the threads that made them have been joined.
  static void count(std::atomic<uint64_t>& counter, uint64_t n) { counter.fetch_add(n, std::memory_order_relaxed); }

  Regions regions_;
  uint32_t each_;  // tokens of a magazine at the start
  std::vector<std::atomic<uint8_t>> owned_;
  std::atomic<uint64_t> aborts_{0}, owned_twice_{0}, impossible_{0}, not_put_back_{0};
};

}  // namespace reslab::selftest
