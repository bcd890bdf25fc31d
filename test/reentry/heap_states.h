// SPDX-License-Identifier: Apache-2.0
// Brings the heap into the state from which an operation takes the path that it is named after. All use the plain
// interface only; each can be repeated, and leaves what it holds in the stock (stock.h).
#pragma once

#include <cstddef>

namespace reentry {

namespace state {

using Prepare = void (*)(size_t bytes);

// Magazines.
void as_it_is(size_t bytes);
void with_new_handler(size_t bytes);  // of the program, which gives up when it is called
void one_in_magazine(size_t bytes);
void magazine_full(size_t bytes);  // and the subject is one more
void magazine_almost_warm(size_t bytes);
void last_object_of_slab(size_t bytes);  // its bit alone is missing
void last_object_of_word(size_t bytes);  // and it is the only one of its word of the bitmap
void magazine_cold(size_t bytes);        // at its smallest, so that it grows when the subject comes
void magazine_full_depot_full(size_t bytes);
void magazine_full_of_far_objects(size_t bytes);  // of another node's, where there are nodes
void magazine_full_of_a_few_far(size_t bytes);
void far_in_slabs(size_t bytes);
void far_in_depot(size_t bytes);  // and the own magazine is empty
void magazine_full_deferred_full(size_t bytes);
void sparse_class(size_t bytes);  // many slabs, hardly any object
void sparse_class_warm_elsewhere(size_t bytes);
void sparse_large_class_warm_elsewhere(size_t bytes);
void sparse_class_missing(size_t bytes);  // and nothing in its magazine
void sparse_class_of_empty_slabs(size_t bytes);
void scattered_class(size_t bytes);  // hardly more objects than slabs, and these are many
void flush_before_ageing(size_t bytes);

// Nothing in the magazine, and the objects are ...
void nowhere(size_t bytes);
void nowhere_and_cold(size_t bytes);
void nowhere_and_warm(size_t bytes);
void in_depot(size_t bytes);
void in_depot_beyond_magazine(size_t bytes);
void in_active_slab(size_t bytes);
void in_partial_slab(size_t bytes);
void in_almost_full_slabs(size_t bytes);
void in_own_deferred_list(size_t bytes);
void in_other_deferred_list(size_t bytes);
void in_long_deferred_lists(size_t bytes);
void active_slab_used_up(size_t bytes);
void next_class_has_some(size_t bytes);

// Nothing in the magazine, and something has run out.
void units_are_back(size_t bytes);         // what was hoarded is free
void nowhere_and_no_memory(size_t bytes);  // strict calls have taken all that is writable
void memory_in_the_depot_only(size_t bytes);
void one_unit_left(size_t bytes);
void only_empty_slabs(size_t bytes);
void depot_with_drift(size_t bytes);
void partial_slabs_on_other_list(size_t bytes);

// Calls that never came to their end have left ...
void lost_empty_slabs(size_t bytes);
void lost_slabs(size_t bytes);
void lock_left_by_jump(size_t bytes);
void lock_left_by_another(size_t bytes);
void active_slot_is_stale(size_t bytes);
void empty_slabs_on_list(size_t bytes);
void empty_slab_to_pop(size_t bytes);

// One object out, the subject.
void subject_small(size_t bytes);
void subject_and_nothing_cached(size_t bytes);
void subject_of_units(size_t bytes);
void subject_before_free_units(size_t bytes);
void subject_before_used_units(size_t bytes);
void subject_of_two_mappings(size_t bytes);  // likewise
void freed_units(size_t bytes);
void units_used_up(size_t bytes);
void reservation_given_back(size_t bytes);
void everything_cached(size_t bytes);

// A reserve of a few objects.
void reserve_filled(size_t bytes);
void reserve_emptied(size_t bytes);
// Most of a large stock is freed: a little more, and the caches let go.
void before_the_ebb(size_t bytes);
void in_the_ebb(size_t bytes);
void ebb_is_due(size_t bytes);
void ebb_is_worn_out(size_t bytes);
// The heap is in an ebb and the subject's magazine cold; in the second, its free is the one that flushes.
void cold_in_the_ebb(size_t bytes);
void flushed_in_the_ebb(size_t bytes);

// The magazine is full, and the next flush looks for empty slabs in vain; or does not look, since the last one did.
void sweep_in_vain(size_t bytes);
void sweep_is_paused(size_t bytes);
void sweep_pause_ends(size_t bytes);
void whole_sweep_in_vain(size_t bytes);
void whole_sweep_is_paused(size_t bytes);
void whole_sweep_pause_ends(size_t bytes);

// In a process with debug modes (debug_states.cc).
constexpr size_t kQuarantined = 1024 - 16;  // fills its class with its red zone; of the states that fill the quarantine
void quarantine_full(size_t bytes);         // of objects that are the same each time
void ring_full(size_t bytes);               // the quarantine has no place left
void subject_quarantine_full(size_t bytes);  // so that freeing the subject has another one leave
void subject_many_to_leave(size_t bytes);    // more of them than one call lets go
void freed_long_ago(size_t bytes);           // an object that is handed out again was filled when it was freed
void guards_used_up(size_t bytes);           // each slot of the guard pool holds an object
void guarded_by_nolock_free(size_t bytes);   // slots whose pages were left open

}  // namespace state

// Frees of the stock that lead from before_the_ebb into it.
constexpr size_t kEbbFrees = 90;

}  // namespace reentry
