// SPDX-License-Identifier: Apache-2.0
// What is asked for cannot be, is nothing, or is odd.
#include <reslab/reslab.h>

#include "tables.h"

namespace reentry::table {

using namespace state;

std::vector<Operation> edges() {
  constexpr unsigned kFails = kMustFail | kMayFail;
  const uintptr_t out = out_pointer();
  return {
      {"malloc of nothing", "malloc", 0, 0, 0, kObject, 0, one_in_magazine, nullptr, 0},
      {"malloc of too much", "malloc", UINTPTR_MAX / 2 + 1, 0, 0, kObject, kSmall, as_it_is, nullptr, kFails},
      {"malloc of more than the window", "malloc", uintptr_t{1} << 46, 0, 0, kObject, kSmall, as_it_is, nullptr,
       kFails},
      {"calloc of too much", "calloc", UINTPTR_MAX / 2, 4, 0, kObject, kSmall, as_it_is, nullptr, kFails},
      {"calloc of too much at once", "calloc", 1, UINTPTR_MAX / 2 + 1, 0, kObject, kSmall, as_it_is, nullptr, kFails},
      {"realloc to nothing", "realloc", kIt, 0, 0, kObject, 16, subject_small, nullptr, kOwnSubject},
      {"posix_memalign of an odd size", "posix_memalign", out, 64, 80, kThroughPointer, 80, as_it_is, nullptr, 0},
      {"realloc to too much", "realloc", kIt, UINTPTR_MAX / 2 + 1, 0, kObject, kSmall, subject_small, nullptr, kFails},
      {"realloc to more than the window", "realloc", kIt, uintptr_t{1} << 46, 0, kObject, kRun, subject_of_units,
       nullptr, kFails},
      {"reallocarray to too much", "reallocarray", kIt, UINTPTR_MAX / 2, 4, kObject, kSmall, subject_small, nullptr,
       kFails},
      {"aligned_alloc by no power of two", "aligned_alloc", 48, kSmall, 0, kObject, kSmall, as_it_is, nullptr, kFails},
      {"aligned_alloc of too much", "aligned_alloc", 64, UINTPTR_MAX / 2 + 1, 0, kObject, kSmall, as_it_is, nullptr,
       kFails},
      {"aligned_alloc of nothing", "aligned_alloc", 64, 0, 0, kObject, 0, as_it_is, nullptr, 0},
      {"posix_memalign of nothing", "posix_memalign", out, 64, 0, kThroughPointer, 0, as_it_is, nullptr, 0},
      {"posix_memalign by a long alignment", "posix_memalign", out, size_t{512} << 10, 100, kThroughPointer, 100,
       freed_units, "run_claimed", 0},
      {"memalign by too much", "memalign", UINTPTR_MAX / 2 + 2, kSmall, 0, kObject, kSmall, as_it_is, nullptr, kFails},
      {"posix_memalign by 3", "posix_memalign", out, 3, kSmall, kThroughPointer, kSmall, as_it_is, nullptr, kFails},
      {"posix_memalign of too much", "posix_memalign", out, 64, UINTPTR_MAX / 2 + 1, kThroughPointer, kSmall, as_it_is,
       nullptr, kFails},
      {"pvalloc of too much", "pvalloc", UINTPTR_MAX - 100, 0, 0, kObject, kSmall, as_it_is, nullptr, kFails},
      {"new(nothrow) of too much", "_ZnwmRKSt9nothrow_t", UINTPTR_MAX / 2 + 1, out, 0, kObject, kSmall, as_it_is,
       nullptr, kFails},
      {"new(nothrow) of too much, a new-handler", "_ZnwmRKSt9nothrow_t", UINTPTR_MAX / 2 + 1, out, 0, kObject, kSmall,
       with_new_handler, nullptr, kFails},
      {"new(nothrow) by no power of two", "_ZnwmSt11align_val_tRKSt9nothrow_t", kSmall, 48, out, kObject, kSmall,
       as_it_is, nullptr, kFails},
      {"malloc_nolock of a run", "reslab_malloc_nolock", RESLAB_NOLOCK_MAX, 0, 0, kObject, RESLAB_NOLOCK_MAX,
       freed_units, nullptr, kMayFail | kStrict},
      {"malloc_nolock of too much", "reslab_malloc_nolock", RESLAB_NOLOCK_MAX + 1, 0, 0, kObject, kSmall, as_it_is,
       nullptr, kFails | kStrict},
      {"malloc_nolock with a flag unknown", "reslab_malloc_nolock", kSmall, 1u << 12, 0, kObject, kSmall, as_it_is,
       nullptr, kFails | kStrict},
      {"aligned_alloc_nolock by no power", "reslab_aligned_alloc_nolock", 48, kSmall, 0, kObject, kSmall, as_it_is,
       nullptr, kFails | kStrict},
      {"aligned_alloc_nolock of units", "reslab_aligned_alloc_nolock", 1 << 18, kSmall, 0, kObject, kSmall, freed_units,
       nullptr, kMayFail | kStrict},
      {"aligned_alloc_nolock of too much", "reslab_aligned_alloc_nolock", 64, RESLAB_NOLOCK_MAX + 1, 0, kObject, kSmall,
       as_it_is, nullptr, kFails | kStrict},
      {"nothing aligned to units", "aligned_alloc", size_t{128} << 10, 0, 0, kObject, 0, freed_units, "run_claimed", 0},
      {"aligned_alloc_nolock of a larger object", "reslab_aligned_alloc_nolock", 128, 200, 0, kObject, 256,
       one_in_magazine, nullptr, kMayFail | kStrict},
      {"aligned_alloc_nolock of an odd size", "reslab_aligned_alloc_nolock", 64, 100, 0, kObject, 128, one_in_magazine,
       nullptr, kMayFail | kStrict},
      {"aligned_alloc_nolock by a page", "reslab_aligned_alloc_nolock", kPage, 5000, 0, kObject, 2 * kPage,
       one_in_magazine, nullptr, kMayFail | kStrict},
      {"aligned_alloc_nolock of a run", "reslab_aligned_alloc_nolock", 64, 200000, 0, kObject, 200000, freed_units,
       nullptr, kMayFail | kStrict},
      {"aligned_alloc_nolock by a unit", "reslab_aligned_alloc_nolock", 1 << 16, 200000, 0, kObject, kSmall, as_it_is,
       nullptr, kMayFail | kStrict},
      {"reallocarray in place", "reallocarray", kIt, 4, 15, kObject, kSmall, subject_small, nullptr, kOwnSubject},
      {"reslab_reallocarray to too much", "reslab_reallocarray", kIt, UINTPTR_MAX / 2, 4, kObject, kSmall,
       subject_small, nullptr, kFails},
      {"reallocarray of nothing, slowly", "reallocarray", 0, 100, 100, kObject, 10000, as_it_is, nullptr, 0},
      {"calloc, slowly", "calloc", 100, 100, 0, kObject, 10000, as_it_is, nullptr, kZeroes},
      {"malloc of a large object", "malloc", 10000, 0, 0, kObject, 10000, as_it_is, nullptr, 0},
      {"new(nothrow) of a large object", "_ZnwmRKSt9nothrow_t", 10000, 0, 0, kObject, 10000, as_it_is, nullptr, 0},
      {"new of a large object", "_Znwm", 10000, 0, 0, kObject, 10000, as_it_is, nullptr, 0},
      {"reslab_good_size of a little", "reslab_good_size", 1000, 0, 0, Gives::kCount, kSmall, as_it_is, nullptr, 0},
      {"reslab_good_size of too much", "reslab_good_size", UINTPTR_MAX / 2 + 1, 0, 0, Gives::kCount, kSmall, as_it_is,
       nullptr, 0},
      {"pages_free_nolock of a run", "reslab_pages_free_nolock", kIt, 9, 0, kNothing, kHuge, subject_of_units,
       "run_free", kOwnSubject | kStrict},
      {"free of nothing", "free", 0, 0, 0, kNothing, kSmall, as_it_is, nullptr, 0},
      {"free_sized of nothing", "free_sized", 0, kSmall, 0, kNothing, kSmall, as_it_is, nullptr, 0},
      {"free_nolock of nothing", "reslab_free_nolock", 0, 0, 0, kNothing, kSmall, as_it_is, nullptr, kStrict},
      {"malloc_usable_size", "malloc_usable_size", kIt, 0, 0, Gives::kCount, kSmall, subject_small, nullptr, 0},
      {"malloc_usable_size of a run", "malloc_usable_size", kIt, 0, 0, Gives::kCount, kRun, subject_of_units, nullptr,
       0},
      {"reslab_usable_size of nothing", "reslab_usable_size", 0, 0, 0, Gives::kCount, kSmall, as_it_is, nullptr, 0},
      {"reslab_good_size", "reslab_good_size", 100, 0, 0, Gives::kCount, kSmall, as_it_is, nullptr, 0},
      {"reslab_good_size of much", "reslab_good_size", kRun, 0, 0, Gives::kCount, kSmall, as_it_is, nullptr, 0},
  };
}

}  // namespace reentry::table
