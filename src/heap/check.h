// SPDX-License-Identifier: Apache-2.0
// The audit: every invariant that can be checked at a moment when no other call runs (P6). Each violation is one line to
// `fd` (none if negative) that names the rule and the place; the result is how many there are.
//
//   C1  a magazine's header is in range, its slots are objects of its class, the words around it are NULL
//   C2  every object is in exactly one place: no two of magazine, depot, deferred list, block in hand, free bit
//   C3  blocks are on one stack at most, and on the stack their state says
//   C4  a slab's bits lie within its capacity, its hint agrees with them (1), its units carry its class
//   C5  a listed slab is on one partial list of its class; one with free bits is active or listed
//   C6  an active slab is in exactly one active slot
//   C7  a unit is free, or described by one slab or run, not both; free means unmapped
//   C8  the counts of a class agree with its bitmaps (1)
//   C9  what waits for a grace period is the start of an object that is out, and waits in one place
//   (1) not in a child after fork: counts are hints, and a call that the fork cut short may have left them off
#pragma once

namespace reslab {

// -1: no memory for the audit's own notes.
int check_heap(int fd);

}  // namespace reslab
