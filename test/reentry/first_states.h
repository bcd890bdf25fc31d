// SPDX-License-Identifier: Apache-2.0
// States of a process that has hardly used the library, or never.
#pragma once

#include <cstddef>

namespace reentry::fresh {

void root_alone(size_t);  // and every slot as it is: a run comes from the arena

// The system is not what the library would like; the first call comes next.
void unregistered(size_t);     // no rseq on this thread
void id_out_of_range(size_t);  // the kernel's id is beyond what CPUs there can be
void without_mm_cid(size_t);   // as before Linux 6.3

void known_defect(size_t);  // its kernel and machine are known not to abort sections

// A class of large objects, whose next overflow is the first one, or is the one that has it cached from then on.
void large_cold(size_t bytes);
void large_almost_warm(size_t bytes);

// The walked call is this thread's first.
void depot_filled_by_another(size_t bytes);

void blocks_run_short(size_t);
// With strict overcommit, a trim gives the units at the end of the arena back to the system.
void tail_given_back(size_t bytes);
// Slabs are ready for objects that wait for a grace period (reslab/rcu.h).
void retiring(size_t);
// In a child of a process that used the library: its repair was begun, and left by a jump. The subject is a run of the
// parent's.
void repair_left(size_t);
void repair_left_while_retiring(size_t);

// This thread has no number yet; the subject is a run of another's.
void run_of_another(size_t);
// The search for free units begins far up, since what was free was there. The subject is a run below.
void searched_far_up(size_t);
// Nothing is reserved that is not in use. Where more would be reserved somebody else's page lies; it has been passed over,
// and is gone; as many have been passed over as can be, and the first is gone.
void little_reserved(size_t);
void foreign_memory_behind(size_t);
void foreign_memory_ahead(size_t);  // where what is to be kept ready does not fit
void empty_hole(size_t);
void many_foreign_behind(size_t);

// The limits that a process sets itself, where it has arrived at the hard one: all that it holds is in use; some is free, a
// subject's length; or above the soft one. The subject is a run.
void at_hard_limit(size_t);
void at_hard_limit_with_free(size_t bytes);
void at_hard_limit_behind_zero(size_t bytes);
void at_hard_limit_behind_dirty(size_t bytes);
void at_hard_limit_with_empty_slabs(size_t bytes);
void above_soft_limit(size_t);
void full_above_soft_limit(size_t bytes);  // the magazine is

// Slabs that no list, and one that no active slot knows of.
void small_and_lost(size_t bytes);

// Typed caches and groups are there, and ...
void with_groups(size_t);
void class_gone(size_t bytes);    // a class of that size was made, and has gone
void many_classes(size_t bytes);  // so that the next has a small magazine
void no_class_left(size_t bytes);
void class_of_other_size_left(size_t bytes);  // its magazine is shorter than what another class has
void retiring_typed(size_t bytes);
void retiring_dense(size_t bytes);
void type_safe_slabs_empty(size_t bytes);  // and may have readers
void type_safe_slabs_over(size_t bytes);   // and have none any more
void scope_was_open(size_t);
void scope_is_open(size_t bytes);
void subject_in_scope(size_t bytes);
void groups_and_repair_left(size_t);
void constructed_and_repair_left(size_t);
void charged_and_repair_left(size_t);
void constructed_charged_and_repair_left(size_t);
void constructed_out_and_repair_left(size_t);
void run_of_cache_and_repair_left(size_t);  // in the place of an object
void small_out_and_repair_left(size_t);
void typed_of_another(size_t);  // this thread has no number yet

// Magazines of large objects, all together, may not grow.
void large_budget_used_up(size_t bytes);     // and one of a class is taken from at the next flush
void large_budget_just_taken(size_t bytes);  // and was the last time
void typed_large_budget_used_up(size_t bytes);
void large_budget_spread(size_t bytes);  // over all classes: none has more than its first few

// The bound of dirty memory (arena/dirty_bound.h).
void fallen(size_t bytes);
void fallen_and_risen(size_t bytes);
void much_released(size_t bytes);

}  // namespace reentry::fresh
