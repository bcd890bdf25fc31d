// SPDX-License-Identifier: Apache-2.0
// Groups: charges, stocks, limits, and the runs and objects that are charged.
#include <reslab/reslab.h>

#include "tables.h"
#include "typed.h"
#include "typed_states.h"

namespace reentry::table {

using namespace state;

std::vector<Operation> groups() {
  make_typed();
  const auto group = reinterpret_cast<uintptr_t>(the_group);
  const auto inner = reinterpret_cast<uintptr_t>(the_nest().inner);
  constexpr unsigned kFails = kMustFail | kMayFail;
  constexpr size_t kTailed = 28000;  // of a slab of several units
  constexpr size_t kHalf = 40960;    // of the limit of a nest, less than its stocks hold
  static constexpr char kMalloc[] = "reslab_group_malloc", kNolock[] = "reslab_group_malloc_nolock";
  return {
      {"group malloc", kMalloc, group, kSmall, 0, kObject, kSmall, charged_cached, "group_charged", kFaults},
      {"group malloc, new slab", kMalloc, group, kSmall, 0, kObject, kSmall, charged_nowhere, "slab_create", kFaults},
      {"group malloc, new slab of used units", kMalloc, group, kTailed, 0, kObject, kTailed, charged_nowhere_units_used,
       "slab_create", 0},
      {"group malloc inside a refill", kMalloc, group, kSmall, 0, kObject, kSmall, charged_nowhere, "group_charged",
       kInside},
      {"group malloc of a run", kMalloc, group, kRun, 0, kObject, kRun, charged_cached, "group_charged", kFaults},
      {"group malloc over the limit", kMalloc, group, size_t{32} << 20, 0, kObject, kSmall, charged_cached,
       "group_drained", kFails},
      {"group malloc of too much", kMalloc, group, UINTPTR_MAX / 2 + 1, 0, kObject, kSmall, as_it_is, nullptr, kFails},
      {"group malloc in a nolock scope", kMalloc, group, kSmall, 0, kObject, kSmall, charged_cached, "group_charged",
       kInScope | kMayFail},
      {"group malloc in an outer group", kMalloc, inner, kSmall, 0, kObject, kSmall, as_it_is, "group_charged", 0},
      {"group malloc that drains a sibling", kMalloc, inner, kHalf, 0, kObject, kHalf, outer_is_in_stocks,
       "group_drained", kFaults},
      {"group malloc, the outer group is full", kMalloc, inner, kHalf, 0, kObject, kHalf, outer_is_full,
       "group_drained", kFails},
      {"group malloc, nolock", kNolock, group, kSmall, 0, kObject, kSmall, charged_cached, "group_charged",
       kStrict | kMayFail},
      {"group malloc, nolock, zeroed", kNolock, group, kSmall, RESLAB_ZERO, kObject, kSmall, charged_cached,
       "group_charged", kStrict | kMayFail | kZeroes},
      {"group malloc, nolock, a zeroed run", kNolock, group, kRun, RESLAB_ZERO | RESLAB_GROW, kObject, kRun,
       charged_cached, nullptr, kMayFail | kZeroes},
      {"group malloc, nolock, too much", kNolock, group, RESLAB_NOLOCK_MAX + 1, 0, kObject, kSmall, as_it_is, nullptr,
       kFails | kStrict},
      {"group malloc, nolock, the outer group is full", kNolock, inner, kHalf, 0, kObject, kHalf, outer_is_full,
       "group_drained", kFails},
      {"free of a charged object", "free", kIt, 0, 0, kNothing, kSmall, charged_subject, "charged_release",
       kOwnSubject | kFaults},
      {"nolock free of a charged object", "reslab_free_nolock", kIt, 0, 0, kNothing, kSmall, charged_subject,
       "charged_release", kOwnSubject | kStrict},
      {"free of a charged object inside a refill", "free", kIt, 0, 0, kNothing, kSmall, charged_subject_alone,
       "charged_release", kOwnSubject | kInside},
      {"free that overflows a stock", "free", kIt, 0, 0, kNothing, kHalf, stock_overflows, "group_uncharge",
       kOwnSubject | kFaults},
      {"free that overflows a stock in an outer group", "free", kIt, 0, 0, kNothing, kHalf, inner_stock_overflows,
       "group_uncharge", kOwnSubject},
      {"free of a charged run", "free", kIt, 0, 0, kNothing, kRun, charged_subject, "run_free", kOwnSubject},
      {"pages_free_nolock of a charged page", "reslab_pages_free_nolock", kIt, 0, 0, kNothing, kPage, charged_subject,
       nullptr, kOwnSubject},
      {"free_sized of a charged run", "free_sized", kIt, kRun, 0, kNothing, kRun, charged_subject, nullptr,
       kOwnSubject},
      {"free of a large charged object in an outer group", "free", kIt, 0, 0, kNothing, size_t{70} << 10,
       inner_subject_alone, "charged_release", kOwnSubject},
      {"usable_size of a charged object", "malloc_usable_size", kIt, 0, 0, Gives::kCount, kSmall, charged_subject,
       nullptr, 0},
      {"realloc of a charged object", "realloc", kIt, 200, 0, kObject, kSmall, charged_subject, "charged_release",
       kOwnSubject},
      {"realloc of a charged object to nothing", "realloc", kIt, 0, 0, kObject, 16, charged_subject, "charged_release",
       kOwnSubject},
      {"realloc of a charged run shrinks", "realloc", kIt, kRun, 0, kObject, kHuge, charged_subject, "run_resized",
       kOwnSubject},
      {"realloc of a charged run grows in place", "realloc", kIt, 3 * kRun, 0, kObject, kRun,
       charged_subject_before_free_units, "run_resized", kOwnSubject},
      {"realloc of a charged run moves its pages", "realloc", kIt, 3 * kHuge, 0, kObject, kHuge,
       charged_subject_before_used_units, "run_claimed", kOwnSubject | kFaults | kTwoFail},
      {"realloc of a charged run to above the limit", "realloc", kIt, 3 * kHuge, 0, kObject, kHuge,
       charged_subject_at_limit, "group_drained", kFails},
  };
}

std::vector<Operation> kept_runs() {
  return {
      {"free of a run that is kept", "free", kIt, 0, 0, kNothing, kRun, subject_of_units, "run_put",
       kOwnSubject | kFaults},
      {"a kept run", "malloc", kRun, 0, 0, kObject, kRun, run_kept, "run_take", kFaults},
      {"an aligned run beside a kept one", "aligned_alloc", size_t{16} << 20, kRun, 0, kObject, kRun, run_kept,
       "run_claimed", 0},
      {"free of a run, no place to keep it", "free", kIt, 0, 0, kNothing, kSmall, no_place_to_keep, "unit_release",
       kOwnSubject | kRare},
      {"purge with kept runs", "free", kIt, 0, 0, kNothing, kNeverKept, runs_kept_and_long_subject, "purge",
       kOwnSubject},

      {"new slab of units that are kept", "malloc", 96, 0, 0, kObject, 96, only_kept_units, "slab_create",
       kRare | kGapsOnly},
      {"realloc to a run in a nolock scope", "realloc", kIt, kRun, 0, kObject, kSmall, subject_beside_free_units,
       nullptr, kOwnSubject | kInScope | kMayFail},
      {"flush of a warm large class", "free", kIt, 0, 0, kNothing, 24000, before_flush, "flush", kOwnSubject | kRare},
      {"refill of a warm large class", "malloc", 24000, 0, 0, kObject, 24000, nowhere_and_warm, "refill", kRare},
      {"realloc, no room for the old object", "realloc", kIt, 3 * kSmall, 0, kObject, kSmall, room_for_old_is_missing,
       "flush", kOwnSubject},
      {"realloc in a nolock scope, no room for the old object", "realloc", kIt, 3 * kSmall, 0, kObject, kSmall,
       room_for_old_is_missing, "deferred_push", kOwnSubject | kInScope | kMayFail},
  };
}

// Last: it leaves a long arena behind.
std::vector<Operation> group_shortage() {
  return {
      {"group malloc, without memory", "reslab_group_malloc_nolock", reinterpret_cast<uintptr_t>(the_group), kSmall, 0,
       kObject, kSmall, charged_without_memory, nullptr, kMayFail | kRare},
  };
}

}  // namespace reentry::table
