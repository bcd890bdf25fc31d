// SPDX-License-Identifier: Apache-2.0
// Something has run out, was lost, or is about to be given back.
#include <reslab/reslab.h>

#include "deeds.h"
#include "tables.h"

namespace reentry::table {

using namespace state;

std::vector<Operation> shortages() {
  constexpr size_t kSlab = 6144;   // a class of slabs of several units: it keeps no empty one
  constexpr size_t kLocked = 112;  // one whose lock stays taken
  return {
      {"refill, units in empty slabs only", "malloc", 96, 0, 0, kObject, 96, only_empty_slabs, "slab_retire",
       kFaults | kRare},
      {"nolock refill, units in empty slabs only", "reslab_malloc_nolock", 96, 0, 0, kObject, 96, only_empty_slabs,
       "slab_retire", kMayFail | kRare},
      {"refill, memory is in the depot only", "malloc", 96, 0, 0, kObject, 96, memory_in_the_depot_only, nullptr,
       kMayFail | kRare},
      {"refill behind jumps out of the depot", "malloc", kSmall, 0, 0, kObject, kSmall, depot_with_drift, nullptr, 0},
      {"refill from the other list", "malloc", kSlab, 0, 0, kObject, kSlab, partial_slabs_on_other_list, "slab_popped",
       kFaults | kRare},
      {"refill behind a jump out of the lock", "malloc", kLocked, 0, 0, kObject, kLocked, lock_left_by_jump,
       "local_lock_take_over", 0},
      {"refill, another holds the lock", "malloc", kLocked, 0, 0, kObject, kLocked, lock_left_by_another, nullptr, 0},
      {"nolock refill, another holds the lock", "reslab_malloc_nolock", kLocked, 0, 0, kObject, kLocked,
       lock_left_by_another, nullptr, kMayFail | kStrict},
      {"refill under the lock from another deferred list", "malloc", kSmall, 0, 0, kObject, kSmall,
       in_other_deferred_list, "deferred_pop", kUnderLock},
      {"refill of a magazine of one slot", "malloc", 60000, 0, 0, kObject, 60000, nowhere_and_warm, "refill", 0},
      {"new slab, a unit beside it is freed", "malloc", 96, 0, 0, kObject, 96, one_unit_left, nullptr, kRare,
       "unit_word_empty", deed::handler_frees_last},
      {"refill, a stale active slot", "malloc", kSmall, 0, 0, kObject, kSmall, active_slot_is_stale, "retire_active",
       0},
      {"refill that wears out the ebb", "malloc", 8192, 0, 0, kObject, 8192, ebb_is_worn_out, nullptr, kRare},
      {"free at the ebb", "free", kIt, 0, 0, kNothing, 16384, ebb_is_due, "release_active",
       kOwnSubject | kRare | kGapsOnly},
      {"free in the ebb", "free", kIt, 0, 0, kNothing, kSmall, cold_in_the_ebb, "slab_give", kOwnSubject | kRare},
      {"free in the ebb that flushes", "free", kIt, 0, 0, kNothing, kSmall, flushed_in_the_ebb, "flush",
       kOwnSubject | kRare},
      {"flush that sweeps in vain", "free", kIt, 0, 0, kNothing, kSlab, sweep_in_vain, "slab_sweep",
       kOwnSubject | kRare | kFaults | kEachRace},
      {"flush in the pause of sweeps", "free", kIt, 0, 0, kNothing, kSlab, sweep_is_paused, "flush",
       kOwnSubject | kRare},
      {"flush that ends the pause of sweeps", "free", kIt, 0, 0, kNothing, kSlab, sweep_pause_ends, "flush",
       kOwnSubject | kRare},
      {"flush that sweeps all in vain", "free", kIt, 0, 0, kNothing, kSlab, whole_sweep_in_vain, "flush",
       kOwnSubject | kRare},
      {"flush in the long pause of sweeps", "free", kIt, 0, 0, kNothing, kSlab, whole_sweep_is_paused, "flush",
       kOwnSubject | kRare},
      {"flush that ends the long pause of sweeps", "free", kIt, 0, 0, kNothing, kSlab, whole_sweep_pause_ends, "flush",
       kOwnSubject | kRare},
      {"refill of a cold large class", "malloc", 28000, 0, 0, kObject, 28000, nowhere_and_cold, "slab_create", kRare},
      {"refill of a cold large class, partial slabs", "malloc", 28000, 0, 0, kObject, 28000, magazine_cold,
       "slab_popped", kRare},
      {"refill of a sparse class", "malloc", 576, 0, 0, kObject, 576, sparse_class_missing, "refill", kRare},
      {"trim behind jumps", "reslab_trim", 0, 0, 0, Gives::kCount, kSlab, lost_slabs, "slab_deactivate",
       kRare | kLongOnly},
  };
}

}  // namespace reentry::table
