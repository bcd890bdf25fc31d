// SPDX-License-Identifier: Apache-2.0
// A count of where the objects are, taken by walking: slabs, magazines, depot, deferred lists, blocks in hand. Bounded by
// classes, slots, blocks and units; takes nothing, so under load each figure is right for some moment of the walk only.
#pragma once

#include <cstdint>

#include "slab/size_classes.h"

namespace reslab {

struct ClassCensus {
  uint64_t capacity;
  uint64_t free_in_slabs;
  uint64_t in_magazines;
  uint64_t in_depot;
  uint64_t deferred;
  uint64_t in_hand;
  uint64_t slabs_active;
  uint64_t slabs_partial;
  uint64_t slabs_full;
  uint64_t slabs_empty;

  // What remains is with the user; under load the parts may overshoot.
  uint64_t live() const {
    const uint64_t elsewhere = free_in_slabs + in_magazines + in_depot + deferred + in_hand;
    return capacity > elsewhere ? capacity - elsewhere : 0;
  }
};

// One class, in one walk; for callers with little stack.
ClassCensus take_census(ClassId cls);

// Of all classes and slots.
uint64_t count_objects_in_magazines();

// Bytes of runs, from their descriptors.
struct RunCensus {
  uint64_t runs;
  uint64_t bytes;
};
RunCensus take_run_census();

}  // namespace reslab
