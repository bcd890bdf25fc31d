// SPDX-License-Identifier: Apache-2.0
// Slabs that nobody has in hand or on a list, because a push lost its races, or because the thread that had to list or to
// install them is gone (7).
#pragma once

#include <cstdint>

namespace reslab {

// Looks at `units` units, from where the last look ended: lists slabs with free bits that are neither active nor listed,
// and those that are called active and are in no CPU's active slot. Any plain call may do so at any time: whoever has
// such a slab in hand at this moment finds it listed, and leaves it there; bits are taken by exchange wherever it is.
//
// Not found again: a slab that is marked as listed and is on no list, left between the mark and the push or between the
// pop and the mark. Its owner may still come back and push it.
void relist_lost_slabs(uint32_t units);

}  // namespace reslab
