// SPDX-License-Identifier: Apache-2.0
// What calls do while a forked child is being repaired (heap/fork.h): they may not wait for the repair and may not touch
// what it rebuilds. An allocation is a run of fresh units above the frontier where the repair ends; a free goes to a list
// of its own, through the first word of the object, and is done when the repair is over. Objects that reslab never writes
// to (13) have a few places beside that list.
//
//                  allocate   free   give_back   handler on the same thread   child after fork
//   allocate       yes        yes    yes         yes                          a run in transit is lost
//   free           yes        yes    yes         yes                          at most the object in transit is lost
//   give_back      yes        yes    yes         yes
#pragma once

#include "base/contract.h"
#include "cache/deferred_list.h"
#include "heap/heap.h"

namespace reslab {

// Is a repair under way, in another thread or below this call?
bool must_keep_aside();

// nullptr: no memory that this contract may have.
void* aside_allocate(const Request& request);

// In place of an object of a class made at run time. nullptr also if it would have to be type-safe.
void* aside_allocate_of(ClassId cls, Contract contract);

void aside_free(void* object, Contract contract);

// Frees what was kept: all that is there now, or one object for a call of bounded steps.
void aside_give_back(DeferredList& kept, Contract contract);

}  // namespace reslab
