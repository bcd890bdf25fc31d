// SPDX-License-Identifier: Apache-2.0
// Typed caches: their entry points, and the slow ways of the heap once more for classes made at run time.
#include <reslab/reslab.h>

#include "stock.h"
#include "tables.h"
#include "typed.h"
#include "typed_states.h"

namespace reentry::table {

using namespace state;

namespace {

template <class T>
uintptr_t word(T* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

constexpr const char kAlloc[] = "reslab_cache_alloc", kAllocNolock[] = "reslab_cache_alloc_nolock";
constexpr const char kFree[] = "reslab_cache_free", kFreeNolock[] = "reslab_cache_free_nolock";

}  // namespace

std::vector<Operation> cache_entries() {
  make_typed();
  const uintptr_t cache = word(typed_cache(kTyped)), unlinkable = word(typed_cache(kUnlinkable));
  const uintptr_t constructed = word(constructed_cache()), charged = word(charged_cache());
  const uintptr_t constructed_charged = word(constructed_charged_cache()), out = word(bulk);
  constexpr unsigned kFails = kMustFail | kMayFail;
  return {
      {"typed cache, hit", kAlloc, cache, 0, 0, kObject, kTyped, one_cached, nullptr, 0},
      {"typed cache, new slab", kAlloc, cache, 0, 0, kObject, kTyped, none_cached, "slab_create", kFaults},
      {"typed cache, constructed", kAlloc, constructed, 0, 0, kObject, kConstructed, none_cached, "slab_create", 0},
      {"typed cache, nolock", kAllocNolock, cache, 0, 0, kObject, kTyped, one_cached, nullptr, kStrict | kMayFail},
      {"typed cache, nolock, zeroed", kAllocNolock, cache, RESLAB_ZERO, 0, kObject, kTyped, one_cached, nullptr,
       kStrict | kMayFail | kZeroes},
      {"typed cache, nolock, new slab", kAllocNolock, cache, RESLAB_ZERO, 0, kObject, kTyped, none_cached, nullptr,
       kStrict | kMayFail | kZeroes},
      {"typed cache, nolock with GROW", kAllocNolock, cache, RESLAB_GROW, 0, kObject, kTyped, none_cached, nullptr,
       kMayFail},
      {"typed cache, nolock, constructed", kAllocNolock, constructed, 0, 0, kObject, kConstructed, one_cached, nullptr,
       kStrict | kMayFail},
      {"typed cache, nolock, none constructed", kAllocNolock, constructed, 0, 0, kObject, kConstructed, none_cached,
       nullptr, kStrict | kMayFail},
      {"typed cache, nolock, constructed and zeroed", kAllocNolock, constructed, RESLAB_ZERO, 0, kObject, kConstructed,
       one_cached, nullptr, kStrict | kFails},
      {"typed cache, nolock with a flag unknown", kAllocNolock, cache, 1u << 12, 0, kObject, kTyped, one_cached,
       nullptr, kStrict | kFails},
      {"typed cache, charged", kAlloc, charged, 0, 0, kObject, kConstructed, one_cached, "group_charged", 0},
      {"typed cache, charged, inside a refill", kAlloc, charged, 0, 0, kObject, kConstructed, none_cached,
       "group_charged", kInside},
      {"typed cache, charged, new slab", kAlloc, charged, 0, 0, kObject, kConstructed, none_cached, "slab_create",
       kFaults},
      {"typed cache, charged, none constructed", kAllocNolock, constructed_charged, 0, 0, kObject, kConstructed,
       none_cached, "group_uncharge", kStrict | kMayFail},
      {"typed cache in a nolock scope", kAlloc, cache, 0, 0, kObject, kTyped, none_cached, nullptr,
       kInScope | kMayFail},
      {"typed cache in a nolock scope, none constructed", kAlloc, constructed, 0, 0, kObject, kConstructed, none_cached,
       nullptr, kInScope | kMayFail},
      {"typed cache, free", kFree, cache, kIt, 0, kNothing, kTyped, typed_subject, nullptr, kOwnSubject},
      {"typed cache, free of nothing", kFree, cache, 0, 0, kNothing, kTyped, as_it_is, nullptr, 0},
      {"typed cache, nolock free", kFreeNolock, cache, kIt, 0, kNothing, kTyped, typed_subject, nullptr,
       kOwnSubject | kStrict},
      {"typed cache, generic free", "free", kIt, 0, 0, kNothing, kTyped, typed_subject, nullptr, kOwnSubject},
      {"typed cache, free_sized", "free_sized", kIt, kTyped, 0, kNothing, kTyped, typed_subject, nullptr, kOwnSubject},
      {"typed cache, charged, free", kFree, charged, kIt, 0, kNothing, kConstructed, charged_by_cache,
       "charged_release", kOwnSubject},
      {"typed cache, nolock free of an unlinkable one", kFreeNolock, unlinkable, kIt, 0, kNothing, kUnlinkable,
       magazine_full, "slab_give", kOwnSubject | kStrict},
      {"typed cache, nolock free to the deferred list", kFreeNolock, cache, kIt, 0, kNothing, kTyped, magazine_full,
       "deferred_push", kOwnSubject | kStrict},
      {"typed cache, free in a nolock scope", kFree, cache, kIt, 0, kNothing, kTyped, magazine_full, "deferred_push",
       kOwnSubject | kInScope},
      {"typed cache, usable_size", "malloc_usable_size", kIt, 0, 0, Gives::kCount, kTyped, typed_subject, nullptr, 0},
      {"typed cache, realloc", "realloc", kIt, 2000, 0, kObject, kTyped, typed_subject, nullptr, kOwnSubject},
      {"typed cache, realloc in place", "realloc", kIt, kTyped - 8, 0, kObject, kTyped, typed_subject, nullptr,
       kOwnSubject},
      {"typed cache, bulk", "reslab_cache_alloc_bulk", cache, kBulk, out, Gives::kBulk, kTyped, bulk_cached, nullptr,
       0},
      {"typed cache, bulk of nothing", "reslab_cache_alloc_bulk", cache, 0, out, Gives::kCount, kTyped, bulk_cached,
       nullptr, 0},
      {"typed cache, bulk, few cached", "reslab_cache_alloc_bulk", cache, kBulk, out, Gives::kBulk, kTyped, few_cached,
       "refill", 0},
      {"typed cache, bulk, charged", "reslab_cache_alloc_bulk", charged, kBulk, out, Gives::kBulk, kConstructed,
       none_cached, "group_charged", 0},
      {"typed cache, free of bulk", "reslab_cache_free_bulk", cache, kBulk, out, Gives::kBulkBack, kTyped, bulk_out,
       nullptr, 0},
      {"typed cache, free of bulk, no room", "reslab_cache_free_bulk", cache, kBulk, out, Gives::kBulkBack, kTyped,
       bulk_out_and_no_room, "flush", 0},
  };
}

std::vector<Operation> cache_slow_ways() {
  const uintptr_t cache = word(typed_cache(kTyped)), middle = word(typed_cache(kTypedMiddle));
  const uintptr_t large = word(typed_cache(kTypedLarge));
  return {
      {"typed refill from the depot", kAlloc, cache, 0, 0, kObject, kTyped, in_depot, "depot_take", kFaults},
      {"typed refill from the active slab", kAlloc, cache, 0, 0, kObject, kTyped, in_active_slab, "slab_take", 0},
      {"typed refill from a partial slab", kAlloc, cache, 0, 0, kObject, kTyped, in_partial_slab, "slab_popped", 0},
      {"typed refill from almost full slabs", kAlloc, cache, 0, 0, kObject, kTyped, in_almost_full_slabs,
       "slab_deactivate", 0},
      {"typed refill from another deferred list", kAlloc, cache, 0, 0, kObject, kTyped, in_other_deferred_list,
       "deferred_pop", 0},
      {"typed refill behind jumps out of the depot", kAlloc, cache, 0, 0, kObject, kTyped, depot_with_drift, nullptr,
       0},
      {"typed refill, units in empty slabs only", kAlloc, cache, 0, 0, kObject, kTyped, only_empty_typed_slabs,
       "slab_retire", kRare | kGapsOnly},
      {"typed refill of a sparse class", kAlloc, cache, 0, 0, kObject, kTyped, sparse_class_missing, "refill", kRare},
      {"typed refill of a large class", kAlloc, large, 0, 0, kObject, kTypedLarge, nowhere_and_warm, "refill", kRare},
      {"typed nolock refill", kAllocNolock, cache, 0, 0, kObject, kTyped, in_active_slab, "slab_take",
       kStrict | kMayFail},
      {"typed nolock from one bit", kAllocNolock, cache, 0, 0, kObject, kTyped, in_active_slab, "slab_take_one",
       kStrict | kMayFail | kUnderLock},
      {"typed nolock from one bit of a new slab", kAllocNolock, cache, 0, 0, kObject, kTyped, nowhere, "slab_create",
       kStrict | kMayFail | kUnderLock},
      {"typed flush to the depot", kFree, cache, kIt, 0, kNothing, kTyped, magazine_full, "depot_put",
       kOwnSubject | kFaults},
      {"typed flush inside a refill", kFree, cache, kIt, 0, kNothing, kTyped, magazine_full, "depot_put",
       kOwnSubject | kInside},
      {"typed flush to the slabs", kFree, cache, kIt, 0, kNothing, kTyped, magazine_full_depot_full, "slab_give",
       kOwnSubject | kRare},
      {"typed flush of a sparse class", kFree, cache, kIt, 0, kNothing, kTyped, sparse_class, "flush",
       kOwnSubject | kRare},
      {"typed flush of a sparse class, warm elsewhere", kFree, cache, kIt, 0, kNothing, kTyped,
       sparse_class_warm_elsewhere, "flush", kOwnSubject | kRare},
      {"typed flush of a scattered class", kFree, middle, kIt, 0, kNothing, kTypedMiddle, scattered_class, "slab_purge",
       kOwnSubject | kRare},
      {"typed flush that gives slabs back", kFree, cache, kIt, 0, kNothing, kTyped, sparse_class_of_empty_slabs,
       "slab_retire", kOwnSubject | kRare},
      {"typed flush that finds a slab not yet empty", kFree, word(typed_cache(kLone)), kIt, 0, kNothing, kLone,
       last_object_of_word, "slab_retire", kOwnSubject | kRare | kInsideGive},
      {"free at the ebb of typed caches", "free", kIt, 0, 0, kNothing, 16384, typed_ebb_is_due, "release_active",
       kOwnSubject | kRare | kGapsOnly},
      {"typed free in the ebb", kFree, cache, kIt, 0, kNothing, kTyped, cold_in_the_ebb, "slab_give",
       kOwnSubject | kRare},
      {"typed free in the ebb that flushes", kFree, cache, kIt, 0, kNothing, kTyped, flushed_in_the_ebb, "flush",
       kOwnSubject | kRare},
      {"typed flush of a large class", kFree, large, kIt, 0, kNothing, kTypedLarge, before_flush, "flush",
       kOwnSubject | kRare},
  };
}

}  // namespace reentry::table
