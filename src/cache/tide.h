// SPDX-License-Identifier: Apache-2.0
// The tide of the heap: when most of what was in use has been freed, the caches let go. A cached object keeps its whole
// slab; with a hundred classes a few of each would keep megabytes that nobody asks for again (29).
//
// Each flush looks now and then. When no more than a quarter is in use of what was since the last ebb, the flush empties
// the depot, what is free in slabs goes back, and each CPU's first flush from then on empties its magazines. The ebb lasts
// until the heap grows again: meanwhile frees warm no magazine, those that are cold hand objects straight to their slabs,
// empty slabs are not kept, and each further half is an ebb again. So a process that frees all it has and goes idle is
// small, without a thread and without a further call. The magazines of a CPU on which nobody frees are left to themselves,
// since draining them takes a system call that a plain call must not make (45); the pages between what they hold go back.
#pragma once

#include <atomic>
#include <cstdint>

namespace reslab {

class Tide {
 public:
  bool is_ebbing() const { return ebbing_.load(std::memory_order_relaxed); }

  // A slab was made: the heap grows.
  void rise() {
    if (is_ebbing()) ebbing_.store(false, std::memory_order_relaxed);
  }
  // A refill: the heap is used. So many of them end the ebb as well, or a program that goes on with less than it had would
  // stay without its caches.
  void note_refill() {
    if (!is_ebbing()) return;
    const uint32_t left = refills_left_.load(std::memory_order_relaxed);
    if (left == 0) rise();
    else refills_left_.store(left - 1, std::memory_order_relaxed);
  }

  // True at one flush in so many: summing up what is in use costs some hundred cycles. In an ebb few frees are flushes.
  // Relaxed and without a locked operation: a look more or less does no harm.
  bool look_is_due() {
    const uint32_t looks = looks_.load(std::memory_order_relaxed) + 1;
    looks_.store(looks, std::memory_order_relaxed);
    return looks % (is_ebbing() ? kFlushesInEbb : kFlushes) == 0;
  }

  // Whether `used_bytes` is an ebb that has not been seen yet; then it is the mark for the next one. One of several
  // threads that see it at once gets it. What rises in an ebb ends it, by and by, and makes no new one.
  bool falls_to(uint64_t used_bytes) {
    const bool was_ebbing = is_ebbing();
    uint64_t high = high_bytes_.load(std::memory_order_relaxed);
    if (used_bytes > high) {
      if (!was_ebbing) high_bytes_.store(used_bytes, std::memory_order_relaxed);
      return false;
    }
    if (high < kWorthwhile || used_bytes > high >> (was_ebbing ? 1 : 2)) return false;
    if (!high_bytes_.compare_exchange_strong(high, used_bytes, std::memory_order_relaxed)) return false;
    refills_left_.store(kRefillsOfEbb, std::memory_order_relaxed);
    number_.store(number() + 1, std::memory_order_relaxed);
    ebbing_.store(true, std::memory_order_relaxed);
    return true;
  }

  // Of the last ebb; 0: there was none.
  uint32_t number() const { return number_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kFlushes = 32;
  static constexpr uint32_t kFlushesInEbb = 4;
  static constexpr uint32_t kRefillsOfEbb = 64;
  static constexpr uint64_t kWorthwhile = 6 << 20;

  std::atomic<uint64_t> high_bytes_{0};  // most in use that a look has seen since the last ebb
  std::atomic<uint32_t> looks_{0};
  std::atomic<uint32_t> refills_left_{0};
  std::atomic<uint32_t> number_{0};
  std::atomic<bool> ebbing_{false};
};

extern constinit Tide tide __attribute__((visibility("hidden")));

}  // namespace reslab
