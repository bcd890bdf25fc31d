// SPDX-License-Identifier: Apache-2.0
// What the caches hold goes back where it came from: objects to their slabs, empty slabs to the arena, pages to the
// system. For flushes, which do a little of it each time, for the ebb (cache/tide.h) and for maintenance. On the way of
// plain calls, since giving pages back enters the kernel. What is in nobody's hand is taken by atomic steps, so anybody
// may run against anybody; each loop ends with what was there when it began.
#pragma once

#include <cstdint>

#include "slab/size_classes.h"

namespace reslab {

// How a double free ends that is found here. heap/describe.cc has it, since it says what lies there: nothing of this layer
// is called from it.
[[noreturn]] void report_free_at_flush(const void* object);

// One object to its slab. Ends in a report if it is free already.
void give_back_object(void* object);

// The same of several of one class, which are counted as freed.
void give_back_counted(ClassId cls, void** objects, uint32_t count);

// The objects of a block in hand go back to their slabs; the block is used up.
void give_back_block(ClassId cls, uint32_t block);

// Blocks of the depot back to their slabs, until so many objects are, or there are no more.
void give_back_depot(ClassId cls, uint64_t objects, uint32_t most_blocks);
// Those that were idle for long go back, some at a time, when it is time to look.
void give_back_idle(ClassId cls);
// As many as there are now: others may put more there meanwhile, for ever.
void empty_depot(ClassId cls);

// Empties the magazine of a class on the slot the thread is on, which may change on the way: then the rest is left.
// Ends: a magazine holds so many blocks, and what others push meanwhile waits for the next ebb.
void empty_magazine(uint32_t slot, ClassId cls);

// Empty slabs beyond the one that a class may keep are given back, and with them pages above the bound.
void give_back_empties(ClassId cls);

// When there are hardly more objects than slabs of a large class.
void purge_scattered(ClassId cls);

// Of all classes: bytes of objects that are not free in their slabs, and of those that are.
struct SlabUse {
  uint64_t used_bytes;
  uint64_t free_bytes;
  int64_t idle_units() const { return static_cast<int64_t>(free_bytes >> kUnitShift); }
};
SlabUse measure_slabs();

// An ebb (cache/tide.h), every class. The slot that the thread is on, while it stays there; what a thread leaves that has
// moved on is the next ebb's.
void let_go_of_slot(uint32_t slot);
// And, once for all, what no slot has for itself: the depot, empty slabs, active ones, and pages that are free.
void let_go_of_shared();

// How many blocks of the depot that were idle go back at once.
inline constexpr uint32_t kMostBlocksAged = 32;

}  // namespace reslab
