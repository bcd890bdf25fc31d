// SPDX-License-Identifier: Apache-2.0
// A lock-free stack of small indices (Treiber), head in one 64-bit word {tag:40, index:24}; index 0 is "none".
//
//                 push   pop    handler on the same thread   child after fork
//   push          yes    yes    yes                          head is whole; an element between two hands is on no stack
//   pop           yes    yes    yes                          likewise
//
// The caller owes: nodes live in type-stable memory (their `next` may be read after they were popped by somebody else),
// and a node is on one stack at a time. The tag changes with every operation, so a pop that was parked meanwhile fails
// unless it slept through exactly 2^40 operations (39).
#pragma once

#include <atomic>
#include <cstdint>

#include "base/for_tries.h"
#include "base/hooks.h"

namespace reslab {

class TaggedStack {
 public:
  static constexpr uint32_t kMaxIndex = (1u << 24) - 1;

  // `next_of(i)` is the std::atomic<uint32_t>& link of node i. False: lost kCasTries races; the node is still the
  // caller's.
  template <class NextOf>
  bool push(uint32_t index, NextOf next_of) {
    uint64_t head = head_.load(std::memory_order_relaxed);  // relaxed: the CAS checks it, nothing is read through it
    for ([[maybe_unused]] int round : for_tries(kCasTries)) {
      next_of(index).store(index_of(head), std::memory_order_relaxed);  // published by the CAS
      RESLAB_HOOK("stack_push");
      // release: whoever pops the node sees its link and what the pusher wrote into it.
      if (head_.compare_exchange_weak(head, advance(head, index), std::memory_order_release,
                                      std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  // 0: empty, or kCasTries races lost; both mean "look elsewhere" to every caller.
  template <class NextOf>
  uint32_t pop(NextOf next_of) {
    uint64_t head = head_.load(std::memory_order_acquire);  // acquire: pairs with push, for the link below
    for ([[maybe_unused]] int round : for_tries(kCasTries)) {
      const uint32_t index = index_of(head);
      if (index == 0) return 0;
      const uint32_t next = next_of(index).load(std::memory_order_relaxed);  // stale if popped meanwhile: the CAS fails
      RESLAB_HOOK("stack_pop");
      if (head_.compare_exchange_weak(head, advance(head, next), std::memory_order_acquire,
                                      std::memory_order_acquire)) {
        return index;
      }
    }
    return 0;
  }

  bool empty() const { return index_of(head_.load(std::memory_order_relaxed)) == 0; }

  // The first index, without taking it: a place to look, already stale when returned.
  uint32_t peek() const { return index_of(head_.load(std::memory_order_acquire)); }

  // For a child after fork, alone in its process: forget everything, the caller rebuilds.
  void reset() { head_.store(advance(head_.load(std::memory_order_relaxed), 0), std::memory_order_relaxed); }

 private:
  static constexpr uint32_t index_of(uint64_t head) { return static_cast<uint32_t>(head & kMaxIndex); }
  static constexpr uint64_t advance(uint64_t head, uint32_t index) { return ((head >> 24) + 1) << 24 | index; }

  std::atomic<uint64_t> head_{0};
};

}  // namespace reslab
