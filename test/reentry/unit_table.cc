// SPDX-License-Identifier: Apache-2.0
// Runs of units: claims, resizes, growth.
#include <reslab/reslab.h>

#include "tables.h"

namespace reentry::table {

using namespace state;

std::vector<Operation> units() {
  return {
      {"a run of free units", "malloc", kRun, 0, 0, kObject, kRun, freed_units, "run_claimed", kFaults},
      {"a zeroed run", "calloc", 1, kRun, 0, kObject, kRun, freed_units, "run_claimed", kZeroes},
      {"an aligned run", "aligned_alloc", size_t{256} << 10, kRun, 0, kObject, kRun, freed_units, "run_claimed", 0},
      {"a run of one unit", "aligned_alloc", size_t{128} << 10, 100, 0, kObject, 100, freed_units, "run_claimed", 0},
      {"an aligned object", "aligned_alloc", 4096, 5000, 0, kObject, 5000, as_it_is, nullptr, 0},
      {"an aligned object of a class of its own", "posix_memalign", out_pointer(), 1024, 100, kThroughPointer, 100,
       as_it_is, nullptr, 0},
      {"free of a run", "free", kIt, 0, 0, kNothing, kRun, subject_of_units, "run_free", kOwnSubject},
      {"purge", "free", kIt, 0, 0, kNothing, kNeverKept, subject_of_units, "purge", kOwnSubject | kFaults},
      {"realloc in place", "realloc", kIt, 60, 0, kObject, kSmall, subject_small, nullptr, kOwnSubject},
      {"realloc grows", "realloc", kIt, 200, 0, kObject, kSmall, subject_small, nullptr, kOwnSubject},
      {"realloc shrinks", "realloc", kIt, 100, 0, kObject, 2000, subject_small, nullptr, kOwnSubject},
      {"realloc of a run shrinks", "realloc", kIt, kRun, 0, kObject, kHuge, subject_of_units, "unit_release",
       kOwnSubject},
      {"realloc of a run grows in place", "realloc", kIt, 3 * kRun, 0, kObject, kRun, subject_before_free_units,
       "unit_claim_run", kOwnSubject},
      {"realloc of a run moves its pages", "realloc", kIt, 3 * kHuge, 0, kObject, kHuge, subject_before_used_units,
       "run_claimed", kOwnSubject | kFaults | kTwoFail},
      {"realloc of a run of two mappings", "realloc", kIt, 3 * kHuge, 0, kObject, kHuge, subject_of_two_mappings,
       "run_claimed", kOwnSubject | kRare},
      {"realloc of a run copies", "realloc", kIt, 3 * kRun, 0, kObject, kRun, subject_before_used_units, "run_claimed",
       kOwnSubject | kFaults},
      {"realloc of a run to an object", "realloc", kIt, 100, 0, kObject, kRun, subject_of_units, "run_free",
       kOwnSubject},
      {"realloc in place of a larger object", "realloc", kIt, 990, 0, kObject, 1000, subject_small, nullptr,
       kOwnSubject},
      {"realloc inside a refill", "realloc", kIt, 200, 0, kObject, kSmall, in_active_slab, nullptr,
       kOwnSubject | kInside},
      {"realloc of a run inside a refill", "realloc", kIt, 3 * kRun, 0, kObject, kRun, subject_before_free_units,
       "unit_claim_run", kOwnSubject | kInside},
      {"reslab_realloc grows", "reslab_realloc", kIt, 200, 0, kObject, kSmall, subject_small, nullptr, kOwnSubject},
      {"reallocarray grows", "reallocarray", kIt, 10, 20, kObject, kSmall, subject_small, nullptr, kOwnSubject},
  };
}

// What the window is extended by at a time: of this length each run needs an extension, however much the last one left.
constexpr size_t kReservedStep = size_t{16} << 20;

// Last: they leave a long arena behind, which every census walks.
std::vector<Operation> growth() {
  return {
      {"nolock growth", "reslab_malloc_nolock", 200000, RESLAB_GROW, 0, kObject, 200000, nowhere, "slab_create",
       kMayFail | kFaults},
      {"nolock without memory", "reslab_malloc_nolock", 448, 0, 0, kObject, 448, nowhere_and_no_memory, nullptr,
       kMayFail | kStrict | kRare},
      {"growth of the arena by little", "malloc", kReservedStep, 0, 0, kObject, kReservedStep, reservation_given_back,
       "extent_reserved", kHoards | kRare | kFaults},
      {"growth of the arena", "malloc", kVast, 0, 0, kObject, kVast, reservation_given_back, "extent_reserved",
       kHoards | kRare | kFaults},
  };
}

}  // namespace reentry::table
