#include "operations.h"

#include <reslab/reslab.h>

namespace reentry {
namespace {

using namespace state;

constexpr uintptr_t kIt = kTheSubject;
constexpr size_t kSmall = 64, kPage = 4096, kRun = 300000, kHuge = 2 << 20, kVast = size_t{40} << 20;
constexpr auto kObject = Gives::kObject;
constexpr auto kNothing = Gives::kNothing;
constexpr auto kThroughPointer = Gives::kObjectThroughPointer;

std::vector<Operation> allocating_entries() {
  const uintptr_t out = out_pointer();
  return {
      {"malloc", "malloc", kSmall, 0, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"calloc", "calloc", 2, 32, 0, kObject, kSmall, one_in_magazine, nullptr, kZeroes},
      {"realloc of nothing", "realloc", 0, kSmall, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"reallocarray of nothing", "reallocarray", 0, 4, 16, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"aligned_alloc", "aligned_alloc", 64, kSmall, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"aligned_alloc by 16", "aligned_alloc", 16, kSmall, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
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

std::vector<Operation> refills() {
  return {
      {"refill from the depot", "malloc", kSmall, 0, 0, kObject, kSmall, in_depot, "depot_take", kFaults},
      {"refill from the active slab", "malloc", kSmall, 0, 0, kObject, kSmall, in_active_slab, "slab_take", kFaults},
      {"refill from the active slab, inline bits", "malloc", 128, 0, 0, kObject, 128, in_active_slab, "slab_take", 0},
      {"refill from a partial slab", "malloc", kSmall, 0, 0, kObject, kSmall, in_partial_slab, "slab_popped", kFaults},
      {"refill from almost full slabs", "malloc", 512, 0, 0, kObject, 512, in_almost_full_slabs, "slab_deactivate",
       kFaults},
      {"refill from the own deferred list", "malloc", kSmall, 0, 0, kObject, kSmall, in_own_deferred_list,
       "deferred_pop", kFaults},
      {"refill from another deferred list", "malloc", kSmall, 0, 0, kObject, kSmall, in_other_deferred_list,
       "deferred_pop", kFaults},
      {"refill from a new slab", "malloc", kSmall, 0, 0, kObject, kSmall, nowhere, "slab_create", kFaults},
      {"deactivation", "malloc", kSmall, 0, 0, kObject, kSmall, active_slab_used_up, "slab_deactivate", kFaults},
      {"first of a large class", "malloc", 20000, 0, 0, kObject, 20000, nowhere, "slab_create", kFaults},
      {"nolock refill from the depot", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, in_depot, "depot_take",
       kStrict | kMayFail},
      {"nolock refill from the active slab", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, in_active_slab,
       "slab_take", kStrict | kMayFail},
      {"nolock refill from a partial slab", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, in_partial_slab,
       "slab_popped", kStrict | kMayFail},
      {"nolock refill from almost full slabs", "reslab_malloc_nolock", 512, 0, 0, kObject, 512, in_almost_full_slabs,
       "slab_deactivate", kStrict | kMayFail},
      {"nolock refill from the own deferred list", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall,
       in_own_deferred_list, "deferred_pop", kStrict | kMayFail},
      {"nolock refill from another deferred list", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall,
       in_other_deferred_list, "deferred_pop", kStrict | kMayFail},
      {"nolock refill, long deferred lists", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall,
       in_long_deferred_lists, "deferred_pop", kStrict | kMayFail | kLongOnly},
      {"nolock refill from a new slab", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, nowhere, "slab_create",
       kStrict | kMayFail},
      {"nolock deactivation", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, active_slab_used_up,
       "slab_deactivate", kStrict | kMayFail},
      {"nolock from another bucket", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, next_class_has_some,
       nullptr, kStrict | kMayFail | kUnderLock},
      {"nolock from one bit", "reslab_malloc_nolock", kSmall, RESLAB_NORETRY, 0, kObject, kSmall, in_active_slab,
       "slab_take_one", kStrict | kMayFail | kUnderLock},
      {"refill from blocks that are too large", "malloc", 96, 0, 0, kObject, 96, in_depot_beyond_magazine, "depot_put",
       kRare | kFaults},
      {"nolock from one bit of a partial slab", "reslab_malloc_nolock", kSmall, RESLAB_NORETRY, 0, kObject, kSmall,
       in_partial_slab, "slab_take_one", kStrict | kMayFail | kUnderLock},
      {"nolock from one bit of a slab on the other list", "reslab_malloc_nolock", 512, RESLAB_NORETRY, 0, kObject, 512,
       in_partial_slab_after_sweep, "slab_take_one", kStrict | kMayFail | kUnderLock | kRare},
      {"refill that makes a large class warm", "malloc", 20000, 0, 0, kObject, 20000, magazine_almost_warm, "refill",
       kRare},
      {"refill that ends the ebb", "malloc", 192, 0, 0, kObject, 192, in_the_ebb, "slab_create", kRare},
      {"nolock from one bit of a new slab", "reslab_malloc_nolock", kSmall, RESLAB_NORETRY, 0, kObject, kSmall, nowhere,
       "slab_create", kStrict | kMayFail | kUnderLock},
      {"plain refill while the lock is held", "malloc", kSmall, 0, 0, kObject, kSmall, in_partial_slab, "slab_popped",
       kUnderLock},
  };
}

std::vector<Operation> flushes() {
  return {
      {"magazine grows", "free", kIt, 0, 0, kNothing, 96, magazine_cold, nullptr, kOwnSubject | kRare},
      {"flush to the depot", "free", kIt, 0, 0, kNothing, kSmall, magazine_full, "depot_put", kOwnSubject | kFaults},
      {"flush to the slabs", "free", kIt, 0, 0, kNothing, kSmall, magazine_full_depot_full, "slab_give",
       kOwnSubject | kFaults | kRare},
      {"flush of a sparse class", "free", kIt, 0, 0, kNothing, 512, sparse_class, "flush", kOwnSubject | kRare},
      {"flush that gives slabs back", "free", kIt, 0, 0, kNothing, 512, sparse_class_of_empty_slabs, "slab_retire",
       kOwnSubject | kRare | kFaults},
      {"flush that ages the depot", "free", kIt, 0, 0, kNothing, 8192, flush_before_ageing, "slab_give",
       kOwnSubject | kRare},
      {"nolock free to the deferred list", "reslab_free_nolock", kIt, 0, 0, kNothing, kSmall, magazine_full,
       "deferred_push", kOwnSubject | kStrict | kFaults},
      {"nolock free of one bit", "reslab_free_nolock", kIt, 0, 0, kNothing, kSmall, magazine_full_deferred_full,
       "slab_give", kOwnSubject | kStrict},
      {"free that makes a large class warm", "free", kIt, 0, 0, kNothing, 20000, magazine_almost_warm, nullptr,
       kOwnSubject | kRare},
      {"flush that finds a slab not yet empty", "free", kIt, 0, 0, kNothing, 512, last_object_of_slab, "slab_retire",
       kOwnSubject | kRare | kInsideGive},
      {"flush inside a refill", "free", kIt, 0, 0, kNothing, kSmall, magazine_full, "depot_put", kOwnSubject | kInside},
      {"free of a run inside a refill", "free", kIt, 0, 0, kNothing, kRun, subject_before_free_units, "run_free",
       kOwnSubject | kInside},
      {"free of a large object", "free", kIt, 0, 0, kNothing, 20000, in_active_slab, nullptr, kOwnSubject},
      {"nolock free of a run", "reslab_free_nolock", kIt, 0, 0, kNothing, kRun, subject_of_units, "run_free",
       kOwnSubject | kStrict},
      {"flush_deferred", "reslab_flush_deferred", 0, 0, 0, Gives::kCount, kSmall, in_own_deferred_list, "deferred_pop",
       0},
      {"trim", "reslab_trim", 0, 0, 0, Gives::kCount, kSmall, everything_cached, "slab_retire", kRare | kLongOnly},
  };
}

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
      {"purge", "free", kIt, 0, 0, kNothing, size_t{5} << 20, subject_of_units, "purge", kOwnSubject | kFaults},
      {"realloc in place", "realloc", kIt, 60, 0, kObject, kSmall, subject_small, nullptr, kOwnSubject},
      {"realloc grows", "realloc", kIt, 200, 0, kObject, kSmall, subject_small, nullptr, kOwnSubject},
      {"realloc shrinks", "realloc", kIt, 100, 0, kObject, 2000, subject_small, nullptr, kOwnSubject},
      {"realloc of a run shrinks", "realloc", kIt, kRun, 0, kObject, kHuge, subject_of_units, "unit_release",
       kOwnSubject},
      {"realloc of a run grows in place", "realloc", kIt, 3 * kRun, 0, kObject, kRun, subject_before_free_units,
       "unit_claim_run", kOwnSubject},
      {"realloc of a run moves its pages", "realloc", kIt, 3 * kHuge, 0, kObject, kHuge, subject_before_used_units,
       "run_claimed", kOwnSubject | kFaults},
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
      {"aligned_alloc in a nolock scope", "aligned_alloc", 256, 300, 0, kObject, 300, as_it_is, nullptr,
       kInScope | kMayFail},
      {"posix_memalign in a nolock scope", "posix_memalign", out_pointer(), 256, 300, kThroughPointer, 300, as_it_is,
       nullptr, kInScope | kMayFail},
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
       kRare},
  };
}

// Last: they leave a long arena behind, which every census walks.
std::vector<Operation> growth() {
  return {
      {"nolock growth", "reslab_malloc_nolock", 200000, RESLAB_GROW, 0, kObject, 200000, nowhere, "slab_create",
       kMayFail | kFaults},
      {"nolock without memory", "reslab_malloc_nolock", 448, 0, 0, kObject, 448, nowhere_and_no_memory, nullptr,
       kMayFail | kStrict | kRare},
      {"growth of the arena", "malloc", kVast, 0, 0, kObject, kVast, reservation_given_back, "extent_reserved",
       kHoards | kRare | kFaults},
  };
}

std::vector<Operation> edges() {
  constexpr unsigned kFails = kMustFail | kMayFail;
  const uintptr_t out = out_pointer();
  return {
      {"malloc of nothing", "malloc", 0, 0, 0, kObject, 0, one_in_magazine, nullptr, 0},
      {"malloc of too much", "malloc", UINTPTR_MAX / 2 + 1, 0, 0, kObject, kSmall, as_it_is, nullptr, kFails},
      {"malloc of more than the window", "malloc", uintptr_t{1} << 46, 0, 0, kObject, kSmall, as_it_is, nullptr,
       kFails},
      {"calloc of too much", "calloc", UINTPTR_MAX / 2, 4, 0, kObject, kSmall, as_it_is, nullptr, kFails},
      {"realloc to too much", "realloc", kIt, UINTPTR_MAX / 2 + 1, 0, kObject, kSmall, subject_small, nullptr, kFails},
      {"realloc to more than the window", "realloc", kIt, uintptr_t{1} << 46, 0, kObject, kRun, subject_of_units,
       nullptr, kFails},
      {"reallocarray to too much", "reallocarray", kIt, UINTPTR_MAX / 2, 4, kObject, kSmall, subject_small, nullptr,
       kFails},
      {"aligned_alloc by no power of two", "aligned_alloc", 48, kSmall, 0, kObject, kSmall, as_it_is, nullptr, kFails},
      {"aligned_alloc of too much", "aligned_alloc", 64, UINTPTR_MAX / 2 + 1, 0, kObject, kSmall, as_it_is, nullptr,
       kFails},
      {"memalign by too much", "memalign", UINTPTR_MAX / 2 + 2, kSmall, 0, kObject, kSmall, as_it_is, nullptr, kFails},
      {"posix_memalign by 3", "posix_memalign", out, 3, kSmall, kThroughPointer, kSmall, as_it_is, nullptr, kFails},
      {"posix_memalign of too much", "posix_memalign", out, 64, UINTPTR_MAX / 2 + 1, kThroughPointer, kSmall, as_it_is,
       nullptr, kFails},
      {"pvalloc of too much", "pvalloc", UINTPTR_MAX - 100, 0, 0, kObject, kSmall, as_it_is, nullptr, kFails},
      {"new(nothrow) of too much", "_ZnwmRKSt9nothrow_t", UINTPTR_MAX / 2 + 1, out, 0, kObject, kSmall, as_it_is,
       nullptr, kFails},
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

}  // namespace

const std::vector<Operation>& all_operations() {
  static const std::vector<Operation> all = [] {
    std::vector<Operation> made;
    for (const auto& part : {allocating_entries(), freeing_entries(), refills(), flushes(), units(),
                             pages_scopes_and_reserves(), edges(), growth()}) {
      made.insert(made.end(), part.begin(), part.end());
    }
    return made;
  }();
  return all;
}

}  // namespace reentry
