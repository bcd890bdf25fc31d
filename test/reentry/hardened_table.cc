// SPDX-License-Identifier: Apache-2.0
// Calls of a process with the hardening options: one table, for processes with harden=1. Every free takes the slow entry and
// overwrites its object; refills draw where to begin, and shuffle what they bring.
#include <reslab/reslab.h>

#include "local_calls.h"
#include "tables.h"

namespace reentry::table {

using namespace state;

std::vector<Operation> hardened() {
  return {
      {"refill from the active slab", "malloc", kSmall, 0, 0, kObject, kSmall, in_active_slab, "slab_take", 0},
      {"refill from the active slab, inline bits", "malloc", 128, 0, 0, kObject, 128, in_active_slab, "slab_take", 0},
      {"refill from the depot", "malloc", kSmall, 0, 0, kObject, kSmall, in_depot, "depot_take", 0},
      {"refill from a new slab", "malloc", kSmall, 0, 0, kObject, kSmall, nowhere, "slab_create", 0},
      {"nolock refill from the active slab", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, in_active_slab,
       "slab_take", kStrict | kMayFail},
      {"calloc", "calloc", 2, 32, 0, kObject, kSmall, one_in_magazine, nullptr, kZeroes},
      {"free", "free", kIt, 0, 0, kNothing, kSmall, subject_small, nullptr, kOwnSubject},
      {"free into an empty magazine", "free", kIt, 0, 0, kNothing, kSmall, subject_and_nothing_cached, nullptr,
       kOwnSubject},
      {"free_nolock", "reslab_free_nolock", kIt, 0, 0, kNothing, kSmall, subject_small, nullptr, kOwnSubject | kStrict},
      {"free in a nolock scope", "free", kIt, 0, 0, kNothing, kSmall, subject_small, nullptr,
       kOwnSubject | kInScope | kStrict},
      {"free_sized", "free_sized", kIt, kSmall, 0, kNothing, kSmall, subject_small, nullptr, kOwnSubject},
      {"free that overflows", "free", kIt, 0, 0, kNothing, kSmall, magazine_full, "flush", kOwnSubject | kRare},
      {"free of a run", "free", kIt, 0, 0, kNothing, kRun, subject_of_units, "run_free", kOwnSubject},
      {"free_nolock of a run", "reslab_free_nolock", kIt, 0, 0, kNothing, kRun, subject_of_units, "run_free",
       kOwnSubject | kStrict},
      {"realloc grows", "realloc", kIt, 200, 0, kObject, kSmall, subject_small, nullptr, kOwnSubject},
      {"realloc of a run shrinks", "realloc", kIt, kRun, 0, kObject, 2 * kRun, subject_of_units, "run_resized",
       kOwnSubject | kFaults},
      {"realloc of a run shrinks in a nolock scope", "realloc", kIt, kRun, 0, kObject, kHuge, subject_of_units,
       "run_resized", kOwnSubject | kInScope},
  };
}

}  // namespace reentry::table
