// SPDX-License-Identifier: Apache-2.0
// States of typed caches, groups, kept runs and large magazines, as in heap_states.h.
#pragma once

#include <cstddef>

namespace reentry::state {

// The typed caches have ...
void none_cached(size_t bytes);
void one_cached(size_t bytes);
void bulk_cached(size_t bytes);
void few_cached(size_t bytes);  // fewer than are asked for at once
void typed_subject(size_t bytes);
void constructed_subject(size_t bytes);
void bulk_out(size_t bytes);
void bulk_out_and_no_room(size_t bytes);  // the magazine has for none of them
void before_flush(size_t bytes);          // the magazine of a large class is full, and the subject is one more
void only_empty_typed_slabs(size_t bytes);
void typed_ebb_is_due(size_t bytes);         // and typed caches have some for it to let go
void room_for_old_is_missing(size_t bytes);  // realloc finds a larger object in a magazine, and no room for the subject

// Groups.
void charged_subject(size_t bytes);
void charged_subject_alone(size_t bytes);  // and nothing is cached
void charged_subject_before_free_units(size_t bytes);
void unsampled_subject_before_free_units(size_t bytes);
void charged_subject_before_used_units(size_t bytes);
void charged_subject_at_limit(size_t bytes);
void charged_subject_of_scope(size_t bytes);  // charged by a plain call of a thread that has entered the group
void charged_subject_of_scope_before_free_units(size_t bytes);
void charged_subject_of_scope_at_limit(size_t bytes);
void inner_subject(size_t bytes);
void inner_subject_alone(size_t bytes);
void charged_by_cache(size_t bytes);
void charged_cached(size_t bytes);
void charged_nowhere(size_t bytes);
void charged_nowhere_units_used(size_t bytes);  // and the units for a slab, if it is of kTailed, are not zero
void charged_without_memory(size_t bytes);
void stock_overflows(size_t bytes);
void inner_stock_overflows(size_t bytes);
void outer_is_in_stocks(size_t bytes);  // what is left of its limit
void outer_is_full(size_t bytes);

// Runs that were freed and are kept whole.
void run_kept(size_t bytes);
void runs_kept_and_long_subject(size_t bytes);
void no_place_to_keep(size_t bytes);
void only_kept_units(size_t bytes);  // of all that are free and writable
void subject_beside_free_units(size_t bytes);

}  // namespace reentry::state
