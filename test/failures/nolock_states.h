// SPDX-License-Identifier: Apache-2.0
// States of the heap that send a nolock call each another way: to a magazine, a refill from depot, deferred list,
// active or partial slab, another bucket, a single bit, or to NULL; and a free to the magazine, the deferred list, or
// its bit. Prepared in a child, by plain calls, before the filter is set.
#pragma once

#include <reslab/reslab.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace failures {

struct State {
  const char* name;
  void (*prepare)();
  uint64_t least_served;     // allocations of all operations together that must succeed; 0: perhaps none
  bool (*skip)() = nullptr;  // where it cannot be had
};

extern const std::span<const State> kBeforeTheStart;  // the library's constructor has not run
extern const std::span<const State> kStates;

void empty_heap();

// The objects that frees are to free, and allocations add to.
class Stock {
 public:
  void keep(void* object) {
    if (count_ < kMost) objects_[count_++] = object;
  }
  void* take() { return count_ == 0 ? nullptr : objects_[--count_]; }

 private:
  static constexpr size_t kMost = 20'000;
  void* objects_[kMost];
  size_t count_ = 0;
};
extern Stock stock;

// Made with the heap, full; nullptr while there is none.
inline constexpr size_t kReserveBytes = 700, kReserveObjects = 20;
extern reslab_reserve* reserve;

}  // namespace failures
