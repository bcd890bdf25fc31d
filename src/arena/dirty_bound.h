// SPDX-License-Identifier: Apache-2.0
// How much free memory may stay dirty (29): at least the base that the options name, and more of it in a heap that is used,
// so that memory which is about to be wanted again is not given back in between.
//
//   high     most units in use lately; falls slowly with what is released. While at least half of that is in use, what is
//            free may stay dirty up to it, and an eighth for what lies in pieces too small to be wanted: all in all hardly
//            more than the program itself had lately. Below, less and less, and nothing at a quarter: a heap of which most
//            is freed comes down to its base at once.
//   rises    how often the heap had fallen by half, gave memory back, and then wanted it again. After that many the fall
//            is taken for a part of a cycle, and what it needs to rise once more stays: each fall would cost the page
//            faults of all of it. But no more than so much: nobody knows which fall is the last one, and a program that is
//            idle from then on is to be small.
//
// All are hints, which threads and handlers overwrite for each other: relaxed and without locked operations. They decide
// when memory is given back and nothing else.
#pragma once

#include <atomic>
#include <cstdint>

namespace reslab {

class DirtyBound {
 public:
  // `live`: units in use before.
  void note_release(int64_t live, int64_t units);

  // Memory is given back.
  void note_purge(int64_t live) {
    if (live <= get(high_) / 2) set(has_fallen_, 1);
  }

  // Free units that may be dirty. `rises_of_cycle`: so many make a cycle; 0: none do.
  int64_t units(int64_t live, int64_t base, uint64_t rises_of_cycle) const {
    const int64_t lately = get(high_) + get(high_) / 8 - live;
    const bool is_cycle = rises_of_cycle != 0 && static_cast<uint64_t>(get(rises_)) >= rises_of_cycle;
    const int64_t falling = 2 * live - get(high_) / 2;
    const int64_t most = lately < falling ? lately : falling;
    const int64_t rise = !is_cycle ? 0 : lately < kMostOfCycle ? lately : kMostOfCycle;
    return max(base, max(most, rise));
  }

 private:
  using Hint = std::atomic<int64_t>;

  static constexpr int64_t kMostOfCycle = 1024;  // units: 64 MiB

  static constexpr int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }
  static int64_t get(const Hint& hint) { return hint.load(std::memory_order_relaxed); }
  static void set(Hint& hint, int64_t value) { hint.store(value, std::memory_order_relaxed); }

  void note_peak();
  void age(int64_t live);

  Hint high_{0};
  Hint released_{0};
  Hint rises_{0};
  Hint has_fallen_{0};
  Hint has_peaked_{0};
};

}  // namespace reslab
