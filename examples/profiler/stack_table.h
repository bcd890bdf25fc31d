// SPDX-License-Identifier: Apache-2.0
// How often each call stack was seen: a hash table that signal handlers on all threads fill at the same time, a lock-free
// list for each bucket. Its nodes come from reslab_malloc_nolock, are added and never removed.
//
//   add      any number of handlers, on any threads, on top of anything
//   for_each while add runs: sees what was there when it began, and perhaps more
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <atomic>

namespace profiler {

struct Stack {
  Stack* next;
  std::atomic<uint64_t> seen;
  uint64_t hash;
  size_t depth;

  // Innermost first: they lie behind the structure, as many as there are.
  uintptr_t* frames() { return reinterpret_cast<uintptr_t*>(this + 1); }
  const uintptr_t* frames() const { return reinterpret_cast<const uintptr_t*>(this + 1); }
};

class StackTable {
 public:
  // Counts one sample. False when there is no memory for a new stack, or too many handlers add to one list at once.
  bool add(const uintptr_t* frames, size_t depth);

  template <typename Visit>
  void for_each(Visit visit) const {
    for (const std::atomic<Stack*>& bucket : buckets_) {
      // acquire: pairs with the release that published the stack; its fields are readable.
      for (const Stack* stack = bucket.load(std::memory_order_acquire); stack != nullptr; stack = stack->next) {
        visit(*stack);
      }
    }
  }

 private:
  static constexpr size_t kBuckets = 4096;
  static constexpr int kTries = 8;

  std::atomic<Stack*> buckets_[kBuckets] = {};
};

}  // namespace profiler
