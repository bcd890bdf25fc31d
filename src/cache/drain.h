// SPDX-License-Identifier: Apache-2.0
// Emptying a magazine of any slot, for maintenance: close it, wait by the membarrier fence for sections in flight, take
// what is in it, open it again (3). One drain at a time, its thread owns `saved_header`:
//
//   saved_header   0: nobody drains; else what the header was, or will be, when it is open
//   header         {Z, 0}: closed, saved_header has the exact top; {top, 0}: a section has committed over it
//
//            drain        section                       handler on the same thread        child after fork
//   drain    one of two   commits make it begin again   may not drain: it is refused      finished by heap/fork
//
// A drain that a jump has left is finished by its thread's next one. One whose thread is stopped for ever leaves the
// class without a magazine on that slot.
#pragma once

#include <cstdint>

#include "slab/size_classes.h"

namespace reslab {

using DrainVisit = void (*)(ClassId cls, void* object);

// Hands each object to `visit`. False: it could not be closed, or another thread drains it.
bool magazine_drain(uint32_t slot, ClassId cls, DrainVisit visit);

// For a maintenance call: what a call of this thread that was left by a jump was draining.
void finish_abandoned_drain(DrainVisit visit);

// For a child after fork, in which no section can be in flight: as above, whoever was draining.
void finish_drain_of_dead(uint32_t slot, ClassId cls, DrainVisit visit);

}  // namespace reslab
