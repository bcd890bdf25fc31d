// SPDX-License-Identifier: Apache-2.0
// Calls of a process with a heap profile: two tables, for processes with
//
//   sampled       profile=1     every plain allocation is sampled
//   passed over   profile=1g    hardly any is
#include <reslab/reslab.h>

#include "local_calls.h"
#include "tables.h"
#include "typed.h"
#include "typed_states.h"

namespace reentry::table {

using namespace state;

std::vector<Operation> profile_sampled() {
  make_typed();
  return {
      {"malloc, new site", kMallocAnew, kSmall, 0, 0, kObject, kSmall, charged_cached, "stack_claimed",
       kFaults | kEachRace | kTakesStack},
      {"malloc", "malloc", kSmall, 0, 0, kObject, kSmall, charged_cached, nullptr, 0},
      {"malloc, new slab", "malloc", kSmall, 0, 0, kObject, kSmall, charged_nowhere, "slab_create", 0},
      {"malloc of nothing", "malloc", 0, 0, 0, kObject, 0, as_it_is, nullptr, 0},
      {"malloc of a run", "malloc", kRun, 0, 0, kObject, kRun, freed_units, nullptr, 0},
      {"malloc of the most there can be", "malloc", PTRDIFF_MAX, 0, 0, kObject, kSmall, as_it_is, nullptr,
       kMustFail | kMayFail},
      {"calloc", "calloc", 2, 32, 0, kObject, kSmall, charged_cached, nullptr, kZeroes},
      {"calloc of a run", "calloc", 1, kRun, 0, kObject, kRun, freed_units, nullptr, kZeroes},
      {"aligned_alloc", "aligned_alloc", 64, 256, 0, kObject, 256, as_it_is, nullptr, 0},
      {"aligned_alloc of a larger class", "aligned_alloc", 64, 200, 0, kObject, 256, as_it_is, nullptr, 0},
      {"posix_memalign", "posix_memalign", out_pointer(), 64, 256, kThroughPointer, 256, as_it_is, nullptr, 0},
      {"malloc_nolock", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, one_in_magazine, nullptr,
       kStrict | kMayFail},
      {"malloc_nolock ZERO", "reslab_malloc_nolock", kSmall, RESLAB_ZERO, 0, kObject, kSmall, one_in_magazine, nullptr,
       kStrict | kMayFail | kZeroes},
      {"malloc in a nolock scope", "malloc", kSmall, 0, 0, kObject, kSmall, nowhere, nullptr,
       kInScope | kStrict | kMayFail},
      {"calloc in a nolock scope", "calloc", 2, 32, 0, kObject, kSmall, nowhere, nullptr,
       kInScope | kStrict | kMayFail | kZeroes},
      {"aligned_alloc in a nolock scope", "aligned_alloc", 64, 256, 0, kObject, 256, one_in_magazine, nullptr,
       kInScope | kStrict | kMayFail},
      {"posix_memalign in a nolock scope", "posix_memalign", out_pointer(), 64, 256, kThroughPointer, 256,
       one_in_magazine, nullptr, kInScope | kStrict | kMayFail},
      {"group malloc", "reslab_group_malloc", reinterpret_cast<uintptr_t>(the_group), kSmall, 0, kObject, kSmall,
       charged_cached, "group_charged", 0},
      {"malloc in a group", kMallocInGroup, kSmall, 0, 0, kObject, kSmall, charged_cached, "group_charged", 0},
      {"malloc in a group, over its limit", kMallocInGroup, size_t{32} << 20, 0, 0, kObject, kSmall, charged_cached,
       "group_drained", kMustFail | kMayFail},
      {"free of an object of a group", "free", kIt, 0, 0, kNothing, kSmall, charged_subject_of_scope, "charged_release",
       kOwnSubject},
      {"realloc of a run of a group shrinks", "realloc", kIt, kRun, 0, kObject, 2 * kRun, charged_subject_of_scope,
       "run_resized", kOwnSubject},
      {"realloc of a run of a group grows where it is", "realloc", kIt, 2 * kRun, 0, kObject, kRun,
       charged_subject_of_scope_before_free_units, "run_resized", kOwnSubject | kMayFail},
      {"realloc of a run of a group to above its limit", "realloc", kIt, 3 * kHuge, 0, kObject, kHuge,
       charged_subject_of_scope_at_limit, "group_drained", kMustFail | kMayFail},
      {"free", "free", kIt, 0, 0, kNothing, kSmall, subject_small, "charged_release", kOwnSubject},
      {"free of a run", "free", kIt, 0, 0, kNothing, kRun, subject_of_units, "run_free", kOwnSubject},
      {"free_nolock", "reslab_free_nolock", kIt, 0, 0, kNothing, kSmall, subject_small, "charged_release",
       kOwnSubject | kStrict},
      {"realloc grows", "realloc", kIt, 200, 0, kObject, kSmall, subject_small, "charged_release", kOwnSubject},
      {"realloc shrinks", "realloc", kIt, 100, 0, kObject, 2000, subject_small, "charged_release", kOwnSubject},
      {"realloc of a run grows where it is", "realloc", kIt, 2 * kRun, 0, kObject, kRun, subject_before_free_units,
       "run_resized", kOwnSubject},
      {"realloc of a run grows elsewhere", "realloc", kIt, 4 * kRun, 0, kObject, kRun, subject_before_used_units,
       nullptr, kOwnSubject},
      {"realloc of a run shrinks", "realloc", kIt, kRun, 0, kObject, 2 * kRun, subject_of_units, "run_resized",
       kOwnSubject},
      {"realloc of a charged run, sampled by what it grew by", "realloc", kIt, 2 * kRun, 0, kObject, kRun,
       unsampled_subject_before_free_units, "run_resized", kOwnSubject | kMayFail},
      {"realloc in a nolock scope", "realloc", kIt, 200, 0, kObject, kSmall, subject_small, nullptr,
       kInScope | kMayFail | kOwnSubject},
      {"a sampled object is retired", kRetire, kIt, 0, 0, kNothing, 100, subject_small, nullptr, kOwnSubject},
  };
}

std::vector<Operation> profile_passed_over() {
  return {
      {"malloc", "malloc", kSmall, 0, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"malloc of none cached", "malloc", kSmall, 0, 0, kObject, kSmall, nowhere, "refill", 0},
      {"malloc beyond the table", "malloc", 10000, 0, 0, kObject, 10000, one_in_magazine, nullptr, 0},
      {"malloc of a run", "malloc", kRun, 0, 0, kObject, kRun, freed_units, nullptr, 0},
      {"calloc", "calloc", 2, 32, 0, kObject, kSmall, one_in_magazine, nullptr, kZeroes},
      {"aligned_alloc", "aligned_alloc", 64, 256, 0, kObject, 256, one_in_magazine, nullptr, 0},
      {"aligned_alloc of a class that is hard to find", "aligned_alloc", size_t{256} << 10, kRun, 0, kObject, kRun,
       freed_units, nullptr, 0},
      {"posix_memalign", "posix_memalign", out_pointer(), 64, 256, kThroughPointer, 256, one_in_magazine, nullptr, 0},
      {"realloc grows", "realloc", kIt, 200, 0, kObject, kSmall, subject_small, nullptr, kOwnSubject},
      {"realloc of a run grows where it is", "realloc", kIt, 2 * kRun, 0, kObject, kRun, subject_before_free_units,
       "run_resized", kOwnSubject},
  };
}

}  // namespace reentry::table
