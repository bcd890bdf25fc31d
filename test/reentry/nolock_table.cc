// SPDX-License-Identifier: Apache-2.0
// Pages, nolock scopes and reserves.
#include <reslab/reslab.h>

#include "local_calls.h"
#include "tables.h"

namespace reentry::table {

using namespace state;

std::vector<Operation> pages_scopes_and_reserves() {
  constexpr size_t kPages = 4 * kPage;
  return {
      {"pages_alloc_nolock", "reslab_pages_alloc_nolock", 0, 0, 0, kObject, kPage, one_in_magazine, nullptr,
       kMayFail | kStrict},
      {"pages_alloc_nolock of four", "reslab_pages_alloc_nolock", 2, RESLAB_ZERO, 0, kObject, kPages, nowhere, nullptr,
       kMayFail | kStrict | kZeroes},
      {"pages_alloc_nolock of 512", "reslab_pages_alloc_nolock", 9, RESLAB_GROW, 0, kObject, kHuge, freed_units,
       nullptr, kMayFail | kFaults},
      {"pages_alloc_nolock of too many", "reslab_pages_alloc_nolock", 60, 0, 0, kObject, kSmall, as_it_is, nullptr,
       kMustFail | kMayFail | kStrict},
      {"pages_free_nolock", "reslab_pages_free_nolock", kIt, 0, 0, kNothing, kPage, subject_small, nullptr,
       kOwnSubject | kStrict},
      {"pages_free_nolock of four", "reslab_pages_free_nolock", kIt, 2, 0, kNothing, kPages, subject_small, nullptr,
       kOwnSubject | kStrict},
      {"pages_free_nolock of nothing", "reslab_pages_free_nolock", 0, 0, 0, kNothing, kSmall, as_it_is, nullptr,
       kStrict},
      {"nolock_save", "reslab_nolock_save", 0, 0, 0, Gives::kScope, kSmall, as_it_is, nullptr, kStrict},
      {"nolock_restore", "reslab_nolock_restore", kTheScope, 0, 0, kNothing, kSmall, as_it_is, nullptr, kStrict},
      {"malloc in a nolock scope", "malloc", kSmall, 0, 0, kObject, kSmall, nowhere, "slab_create",
       kInScope | kStrict | kMayFail},
      {"calloc of a run in a nolock scope", "calloc", 1, kRun, 0, kObject, kRun, nowhere, nullptr,
       kInScope | kMayFail | kZeroes},
      {"free in a nolock scope", "free", kIt, 0, 0, kNothing, kSmall, magazine_full, "deferred_push",
       kInScope | kStrict | kOwnSubject},
      {"realloc in a nolock scope", "realloc", kIt, 200, 0, kObject, kSmall, subject_small, nullptr,
       kInScope | kMayFail | kOwnSubject},
      {"realloc of a run in a nolock scope", "realloc", kIt, 3 * kHuge, 0, kObject, kHuge, subject_before_used_units,
       nullptr, kInScope | kMayFail | kOwnSubject},
      {"reallocarray in a nolock scope", "reallocarray", kIt, 10, 20, kObject, kSmall, subject_small, nullptr,
       kInScope | kMayFail | kOwnSubject},
      {"reallocarray to too much in a nolock scope", "reallocarray", kIt, UINTPTR_MAX / 8, 4, kObject, kSmall,
       subject_small, nullptr, kInScope | kMustFail | kMayFail},
      {"realloc to too much in a nolock scope", "realloc", kIt, UINTPTR_MAX / 2, 0, kObject, kSmall, subject_small,
       nullptr, kInScope | kMustFail | kMayFail},
      {"calloc of too much in a nolock scope", "calloc", UINTPTR_MAX / 2, 4, 0, kObject, kSmall, as_it_is, nullptr,
       kInScope | kMustFail | kMayFail},
      {"reallocarray of too much in a nolock scope", "reallocarray", 0, UINTPTR_MAX / 2, 4, kObject, kSmall, as_it_is,
       nullptr, kInScope | kMustFail | kMayFail},
      {"aligned_alloc by no power in a nolock scope", "aligned_alloc", 48, kSmall, 0, kObject, kSmall, as_it_is,
       nullptr, kInScope | kMustFail | kMayFail},
      {"memalign by too much in a nolock scope", "memalign", UINTPTR_MAX / 2 + 2, kSmall, 0, kObject, kSmall, as_it_is,
       nullptr, kInScope | kMustFail | kMayFail},
      {"aligned_alloc in a nolock scope", "aligned_alloc", 256, 300, 0, kObject, 300, as_it_is, nullptr,
       kInScope | kMayFail},
      {"posix_memalign in a nolock scope", "posix_memalign", out_pointer(), 256, 300, kThroughPointer, 300, as_it_is,
       nullptr, kInScope | kMayFail},
      {"aligned_alloc of none cached in a nolock scope", "aligned_alloc", 256, 300, 0, kObject, 300, nowhere, nullptr,
       kInScope | kMayFail},
      {"posix_memalign of none cached in a nolock scope", "posix_memalign", out_pointer(), 256, 300, kThroughPointer,
       300, nowhere, nullptr, kInScope | kMayFail},
      {"malloc of too much in a nolock scope", "malloc", UINTPTR_MAX / 2 + 1, 0, 0, kObject, kSmall, as_it_is, nullptr,
       kInScope | kMustFail | kMayFail},
      {"calloc of too much at once in a nolock scope", "calloc", 1, UINTPTR_MAX / 2 + 1, 0, kObject, kSmall, as_it_is,
       nullptr, kInScope | kMustFail | kMayFail},
      {"aligned_alloc of too much in a nolock scope", "aligned_alloc", 64, UINTPTR_MAX / 2 + 1, 0, kObject, kSmall,
       as_it_is, nullptr, kInScope | kMustFail | kMayFail},
      {"posix_memalign of too much in a nolock scope", "posix_memalign", out_pointer(), 64, UINTPTR_MAX / 2 + 1,
       kThroughPointer, kSmall, as_it_is, nullptr, kInScope | kMustFail | kMayFail},
      {"reserve_alloc", "reslab_reserve_alloc", kTheReserve, kSmall, 0, kObject, kSmall, reserve_filled, nullptr,
       kStrict},
      {"reserve_alloc ZERO", "reslab_reserve_alloc", kTheReserve, kSmall, RESLAB_ZERO, kObject, kSmall, reserve_filled,
       nullptr, kStrict | kZeroes},
      {"reserve_alloc from an empty one", "reslab_reserve_alloc", kTheReserve, kSmall, 0, kObject, kSmall,
       reserve_emptied, nullptr, kStrict | kMayFail},
      {"reserve_alloc NORETRY from an empty one", "reslab_reserve_alloc", kTheReserve, kSmall, RESLAB_NORETRY, kObject,
       kSmall, reserve_emptied, nullptr, kStrict | kMayFail | kMustFail},
      {"reserve_refill", "reslab_reserve_refill", kTheReserve, 0, 0, Gives::kCount, kSmall, reserve_emptied, nullptr,
       0},
      {"many frees: the tide falls", kFreeMany, 0, 0, 0, Gives::kCount, 16384, before_the_ebb, "slab_deactivate",
       kRare | kLongOnly},
  };
}

}  // namespace reentry::table
