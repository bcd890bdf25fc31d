// SPDX-License-Identifier: Apache-2.0
// Every entry point on its shortest way.
#include <reslab/reslab.h>

#include "tables.h"

namespace reentry::table {

using namespace state;

std::vector<Operation> allocating_entries() {
  const uintptr_t out = out_pointer();
  return {
      {"malloc", "malloc", kSmall, 0, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"calloc", "calloc", 2, 32, 0, kObject, kSmall, one_in_magazine, nullptr, kZeroes},
      {"realloc of nothing", "realloc", 0, kSmall, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"reallocarray of nothing", "reallocarray", 0, 4, 16, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"aligned_alloc", "aligned_alloc", 64, kSmall, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"aligned_alloc by 16", "aligned_alloc", 16, kSmall, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"aligned_alloc of nothing, by a MiB", "aligned_alloc", 1 << 20, 0, 0, kObject, kRun, as_it_is, nullptr, 0},
      {"aligned_alloc of no power", "aligned_alloc", 64, 3 * kSmall, 0, kObject, 3 * kSmall, one_in_magazine, nullptr,
       0},
      {"memalign", "memalign", 48, kSmall, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"posix_memalign", "posix_memalign", out, 8, kSmall, kThroughPointer, kSmall, one_in_magazine, nullptr, 0},
      {"valloc", "valloc", kPage, 0, 0, kObject, kPage, one_in_magazine, nullptr, 0},
      {"pvalloc", "pvalloc", 100, 0, 0, kObject, kPage, one_in_magazine, nullptr, 0},
      {"operator new", "_Znwm", kSmall, 0, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"operator new[]", "_Znam", kSmall, 0, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"new(nothrow)", "_ZnwmRKSt9nothrow_t", kSmall, out, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"new[](nothrow)", "_ZnamRKSt9nothrow_t", kSmall, out, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"new(align)", "_ZnwmSt11align_val_t", kSmall, 64, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"new[](align)", "_ZnamSt11align_val_t", kSmall, 16, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"new(align, nothrow)", "_ZnwmSt11align_val_tRKSt9nothrow_t", kSmall, 64, out, kObject, kSmall, one_in_magazine,
       nullptr, 0},
      {"new[](align, nothrow)", "_ZnamSt11align_val_tRKSt9nothrow_t", kSmall, 16, out, kObject, kSmall, one_in_magazine,
       nullptr, 0},
      {"reslab_malloc", "reslab_malloc", kSmall, 0, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"reslab_calloc", "reslab_calloc", 1, kSmall, 0, kObject, kSmall, one_in_magazine, nullptr, kZeroes},
      {"reslab_realloc of nothing", "reslab_realloc", 0, kSmall, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"reslab_reallocarray of nothing", "reslab_reallocarray", 0, 4, 16, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"reslab_aligned_alloc", "reslab_aligned_alloc", 64, kSmall, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"reslab_posix_memalign", "reslab_posix_memalign", out, 64, kSmall, kThroughPointer, kSmall, one_in_magazine,
       nullptr, 0},
      {"malloc_nolock", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, one_in_magazine, nullptr,
       kStrict | kMayFail},
      {"malloc_nolock ZERO", "reslab_malloc_nolock", kSmall, RESLAB_ZERO, 0, kObject, kSmall, one_in_magazine, nullptr,
       kStrict | kMayFail | kZeroes},
      {"malloc_nolock GROW", "reslab_malloc_nolock", kSmall, RESLAB_GROW, 0, kObject, kSmall, one_in_magazine, nullptr,
       kMayFail},
      {"malloc_nolock NORETRY", "reslab_malloc_nolock", kSmall, RESLAB_NORETRY, 0, kObject, kSmall, one_in_magazine,
       nullptr, kStrict | kMayFail},
      {"aligned_alloc_nolock", "reslab_aligned_alloc_nolock", 128, kSmall, 0, kObject, 128, one_in_magazine, nullptr,
       kStrict | kMayFail},
      {"aligned_alloc_nolock by 16", "reslab_aligned_alloc_nolock", 16, kSmall, 0, kObject, kSmall, one_in_magazine,
       nullptr, kStrict | kMayFail},
  };
}

std::vector<Operation> freeing_entries() {
  std::vector<Operation> made;
  for (const char* symbol : {"free", "cfree", "_ZdlPv", "_ZdaPv", "_ZdlPvRKSt9nothrow_t", "_ZdaPvRKSt9nothrow_t",
                             "_ZdlPvSt11align_val_t", "_ZdaPvSt11align_val_t", "_ZdlPvSt11align_val_tRKSt9nothrow_t",
                             "_ZdaPvSt11align_val_tRKSt9nothrow_t", "reslab_free"}) {
    made.push_back({symbol, symbol, kIt, 16, 0, kNothing, kSmall, subject_small, nullptr, kOwnSubject});
  }
  for (const char* symbol :
       {"free_sized", "_ZdlPvm", "_ZdaPvm", "_ZdlPvmSt11align_val_t", "_ZdaPvmSt11align_val_t", "reslab_free_sized"}) {
    made.push_back({symbol, symbol, kIt, kSmall, 16, kNothing, kSmall, subject_small, nullptr, kOwnSubject});
  }
  for (const char* symbol : {"free_aligned_sized", "reslab_free_aligned_sized"}) {
    made.push_back({symbol, symbol, kIt, 16, kSmall, kNothing, kSmall, subject_small, nullptr, kOwnSubject});
  }
  for (const char* symbol : {"reslab_free_nolock", "reslab_free_sized_nolock"}) {
    made.push_back({symbol, symbol, kIt, kSmall, 0, kNothing, kSmall, subject_small, nullptr, kOwnSubject | kStrict});
  }
  return made;
}

}  // namespace reentry::table
