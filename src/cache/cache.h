// SPDX-License-Identifier: Apache-2.0
// The slow half of small allocations and frees: everything behind a magazine that is empty, full, closed or unreachable.
// Callers have passed ensure_root(); class ids are of classes that have slabs, malloc's or made at run time.
//
// Who may run against whom: everything against everything, on any thread, in handlers, in a child after fork. There is
// no state here but what the structures below keep, each with its own table.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/contract.h"
#include "slab/size_classes.h"

namespace reslab {

// May an allocation be served by a larger class of the same alignment when its own is contended?
enum class Retry : uint8_t { kOtherBuckets, kOwnBucket };

// One object of class `cls`. nullptr: out of memory, or (kAny, kAnyGrow) contention that left no way. In order: the
// magazine, with restarts; a refill; the magazines of the next larger classes that keep the class's alignment; one bit.
void* cache_alloc_slow(ClassId cls, Contract contract, Retry retry);

// One by its bit, from a slab on that node that can be seen, left where it is. nullptr: there is none. Counts nothing.
void* cache_alloc_on_node(ClassId cls, uint32_t node);

// Takes back an object whose class is known. kPlain flushes a full magazine to the depot or the slabs; otherwise the
// object goes to the deferred list, or to its slab's bitmap by one atomic OR. Never fails. False: it was free already.
bool cache_free_slow(ClassId cls, void* object, Contract contract);

// Moves up to `budget` objects from the deferred list of `slot` to their slabs; how many.
uint32_t drain_deferred(uint32_t slot, uint32_t budget);
// The same for all slots.
size_t drain_all_deferred();

// Maintenance: empties magazines, depot and active slots of one class and all deferred lists, then retires its empty
// slabs.
void cache_drain_class(ClassId cls);

// Maintenance: empties magazines of all slots, depot, deferred lists and active slots, then retires empty slabs.
void cache_drain_all();

}  // namespace reslab
