// SPDX-License-Identifier: Apache-2.0
// The active slab of a (slot, class): where a refill takes bits without looking for a slab first. Two words say which: the
// slot's, and the slab's state, which names the slot. They change one after the other, and whoever stands still in between
// may find that the slab was taken for a lost one (cache/lost_slabs.h), listed, and made active again, in the same slot,
// even of another class. So each change of one word is followed by a look at the other:
//
//   install      state becomes active, then the slot is set, then the state is looked at
//   deactivate   state becomes inactive, then the slot is looked at; whoever empties it looks at the state again
//
// All seq_cst: of two that meet, one sees what the other did. What a thread that is gone leaves half done is found as lost.
//
//                                 install   remove, release   deactivate   handler on the same thread   child after fork
//   install                       yes       yes               yes          yes                          slots are emptied,
//   remove, release, deactivate   yes       yes               yes          yes                          slabs listed anew
#pragma once

#include <cstdint>

#include "slab/slab.h"

namespace reslab {

// Of a slab the caller has popped or made. If it is listed or another's by now it is left to whoever has it; where the slot
// has one already it becomes a partial slab. The same one in the slot: another thread on this CPU has found it on the list.
void install_active(uint32_t slot, uint32_t unit, SlabIdentity identity);

// Takes `unit` out of the slot, as whatever it is by now; it becomes a partial slab. False: it was not there.
bool remove_active(uint32_t slot, ClassId cls, uint32_t unit);
// The same with whatever is there.
void release_active(uint32_t slot, ClassId cls);

// Of a slab that is called active in the slot and is not to be: it becomes a partial slab.
void deactivate(uint32_t slot, uint32_t unit, SlabIdentity identity);

}  // namespace reslab
