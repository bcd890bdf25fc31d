// SPDX-License-Identifier: Apache-2.0
// Random placement (option random_placement): a refill begins at any object of its slab, and its objects leave the magazine
// in any order, so that what is allocated next to what cannot be told from the order of the calls. What is freed and
// allocated again is not shuffled until it has left the magazine.
#pragma once

#include <atomic>
#include <cstdint>

#include "slab/size_classes.h"

namespace reslab {

// What is drawn from, of the published root; nullptr: the option is off.
extern constinit std::atomic<std::atomic<uint64_t>*> placement_draws __attribute__((visibility("hidden")));
inline bool places_at_random() { return placement_draws.load(std::memory_order_relaxed) != nullptr; }

// Where the next take from the slab begins. A hint: the unit may be another slab's by now.
void search_anywhere(uint32_t unit, ClassId cls);

// Of objects that are on no record: swaps would show some twice and others never (18).
void shuffle(void** objects, uint32_t count);

}  // namespace reslab
