// SPDX-License-Identifier: Apache-2.0
// What other actors do in the middle of a walked call, at a hook that it passes: another thread, or a handler.
#pragma once

#include <cstddef>

namespace reentry::deed {

// Another thread gives back what all caches hold: slabs that are popped, seen or active become others or none; and makes
// a slab of the same class from the first free units.
void another_trims(size_t bytes);
void another_trims_and_refills(size_t bytes);

// A handler refills; takes all free units; frees the object that a state has put aside; limits the address space.
void handler_refills(size_t bytes);
void handler_takes_one_bit(size_t bytes);  // of the active slab
void handler_charges(size_t bytes);
void handler_takes_all_units(size_t bytes);
void handler_frees_last(size_t bytes);
void handler_limits_space(size_t bytes);
void handler_grows(size_t bytes);  // the arena
// A handler, in a process with debug modes, has all leave the quarantine that was in it, and what came since.
void handler_turns_quarantine_over(size_t bytes);
// A handler forks, and the call goes on in the child; the parent waits and ends as that does.
void handler_forks(size_t bytes);
// A handler's upkeep ends a repair that was left by a jump.
void handler_ends_repair(size_t bytes);

}  // namespace reentry::deed
