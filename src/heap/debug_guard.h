// SPDX-License-Identifier: Apache-2.0
// Guard pages (debug=G): one allocation in so many lies at the end of a page of its own, before a page that cannot be
// touched, and its own page cannot be touched either once it is free. A fault there is reported by a handler of SIGSEGV,
// with both stacks; other faults go to whoever had the signal before, as he asked for them. Slots are used in turn, so a
// freed one rests longest.
//
// Only plain calls make guarded objects and close them, since that is a system call; what an `any` call frees is closed
// when its slot is used again. A program that installs a handler of its own for SIGSEGV afterwards has the faults, without
// the report; one that asks who has the signal is told of this one. A handler that was there before and is called once only
// (SA_RESETHAND) takes this one with it; and what it blocks is blocked here, so that a fault inside it ends the process
// without a report unless it has SA_NODEFER.
//
// What is given to reslab_free_rcu waits in its slot: retired, then waiting, as slab/retired.h has it for other objects (R1,
// R2), with the states of one word in the place of two bits. It may be read until it is given back.
#pragma once

#include <cstddef>

#include "base/contract.h"
#include "heap/debug_tables.h"
#include "heap/heap.h"
#include "platform/page_size.h"
#include "slab/retired.h"

namespace reslab {

// nullptr: not this time.
void* guard_allocate(DebugTables& tables, const Request& request);

// False: not in a guarded page. Anything there but a live object is reported.
bool guard_free(DebugTables& tables, void* object, Contract contract, const char* call);
bool guard_usable_bytes(DebugTables& tables, const void* object, const char* call, size_t& bytes);

bool guard_owns(const DebugTables& tables, const void* address);

// Class any. False: not in a guarded page.
bool guard_retire(DebugTables& tables, const void* object, const char* call);
bool guard_has_retired(const DebugTables& tables);  // a hint
// The reclaimer's, as take_pending(), give_back() and adopt_waiting() of other objects.
Retired guard_take_retired(DebugTables& tables, Search search);
Retired guard_give_back(DebugTables& tables);
Retired guard_adopt(DebugTables& tables);
// What one is counted as while it waits.
inline size_t guarded_bytes() { return system_page_bytes(); }

// The slot whose pages hold an address that guard_owns().
GuardSlot& guard_slot_of(DebugTables& tables, const void* address);

}  // namespace reslab
