// SPDX-License-Identifier: Apache-2.0
#include "cache/placement.h"

#include "base/random.h"
#include "slab/slab.h"

namespace reslab {

constinit std::atomic<std::atomic<uint64_t>*> placement_draws{nullptr};

namespace {
uint64_t draw_placement() { return draw_bits(*placement_draws.load(std::memory_order_relaxed)); }
}  // namespace

void search_anywhere(uint32_t unit, ClassId cls) {
  slab_at(unit).search_from.store(below(class_info(cls).capacity, draw_placement()), std::memory_order_relaxed);
}

// Fisher and Yates; one draw from what all share, the others follow from it.
void shuffle(void** objects, uint32_t count) {
  uint64_t random = draw_placement();
  for (uint32_t left = count; left > 1; --left, random += kRandomStep) {
    const uint32_t other = below(left, mix_bits(random));
    void* const object = objects[left - 1];
    objects[left - 1] = objects[other];
    objects[other] = object;
  }
}

}  // namespace reslab
