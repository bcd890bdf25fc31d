// SPDX-License-Identifier: Apache-2.0
// reslab_cache_*: typed caches. The fast path of each is a section of the cache's own class, without the table of sizes;
// a handle that has none (a destroyed cache, a group's) has class 0, whose magazine is closed for ever.

#include <cerrno>

#include "api/entry.h"
#include "base/counters.h"
#include "cache/magazine.h"
#include "group/group.h"
#include "heap/describe.h"
#include "heap/heap.h"
#include "heap/maintenance.h"
#include "objects/typed_cache.h"
#include "reslab/reslab.h"
#include "slab/retired.h"

using namespace reslab;

namespace {

constexpr unsigned kKnownCacheFlags = RESLAB_CACHE_TYPESAFE_BY_RCU | RESLAB_CACHE_NO_MERGE;
constexpr unsigned kKnownFlags = RESLAB_ZERO | RESLAB_GROW | RESLAB_NORETRY | 0xffff0000u;  // the high half is the node

static_assert(kClassEnd < 64 << 10, "an arena is longer: its length is the fast path's limit for class ids as well");

[[gnu::always_inline]] inline ClassId fast_class_of(const reslab_cache* cache) {
  return cache->fast_class.load(std::memory_order_relaxed);  // relaxed: the handle was made before it was known
}

void* allocate(const reslab_cache* cache, Contract contract, const char* call) {
  require_cache(cache, call);
  void* object;
  if (fallback_allocate_of(fast_class_of(cache), object)) return object;
  return heap_allocate_of(cache->cls, cache->group, contract, call);
}

[[gnu::noinline]] void* allocate_plain(const reslab_cache* cache) {
  const Contract contract = plain_contract("reslab_cache_alloc");
  void* object = allocate(cache, contract, "reslab_cache_alloc");
  return object != nullptr ? object : fail_with(ENOMEM);
}

[[gnu::noinline]] void* allocate_nolock(const reslab_cache* cache, unsigned flags) {
  constexpr char kCall[] = "reslab_cache_alloc_nolock";
  require_cache(cache, kCall);
  const ClassInfo& info = cache_class_info(cache->cls);
  const bool zero = (flags & RESLAB_ZERO) != 0;
  const bool is_valid = (flags & ~kKnownFlags) == 0 && !(zero && info.is(kConstructed));
  void* object =
      is_valid ? allocate(cache, (flags & RESLAB_GROW) != 0 ? Contract::kAnyGrow : Contract::kAny, kCall) : nullptr;
  counters.add(object != nullptr ? Counter::kNolockAllocs : Counter::kNolockFailures);
  return object != nullptr && zero ? __builtin_memset(object, 0, info.object_bytes) : object;
}

void free_object(const reslab_cache* cache, void* object, Contract contract, const char* call) {
  require_cache(cache, call);
  if (!fallback_free_of(fast_class_of(cache), object)) heap_free_of(cache->cls, object, contract, call);
}

[[gnu::noinline]] void free_plain(const reslab_cache* cache, void* object) {
  free_object(cache, object, plain_contract("reslab_cache_free"), "reslab_cache_free");
}
[[gnu::noinline]] void free_nolock(const reslab_cache* cache, void* object) {
  free_object(cache, object, Contract::kAny, "reslab_cache_free_nolock");
}

size_t arena_bytes() {
  const size_t bytes = fast_path.arena_bytes.load(std::memory_order_acquire);
  return bytes != 0 ? bytes : fallback_path.arena_bytes.load(std::memory_order_acquire);
}

// How many from the first on are objects of the class, each another one than the one before.
uint32_t count_own(ClassId cls, void* const* objects, size_t count) {
  constexpr size_t kMost = 1 << 16;
  const size_t bytes = arena_bytes();
  const auto most = static_cast<uint32_t>(count < kMost ? count : kMost);
  uint32_t own = 0;
  for (; own < most && is_object_of(cls, objects[own], bytes); ++own) {
    if (own > 0 && objects[own] == objects[own - 1]) report_double_free("reslab_cache_free_bulk", objects[own]);
  }
  return own;
}

reslab_cache* fail(int error) { return static_cast<reslab_cache*>(fail_with(error)); }

bool args_are_valid(const reslab_cache_args* args) {
  return args != nullptr && (args->flags & ~kKnownCacheFlags) == 0 && (args->align & (args->align - 1)) == 0;
}

}  // namespace

extern "C" {

reslab_cache* reslab_cache_create(const char* name, const struct reslab_cache_args* args) noexcept {
  constexpr char kCall[] = "reslab_cache_create";
  const Contract contract = plain_contract(kCall);
  if (!args_are_valid(args)) return fail(EINVAL);
  const bool typesafe = (args->flags & RESLAB_CACHE_TYPESAFE_BY_RCU) != 0;
  if (typesafe && rcu_client.load(std::memory_order_acquire) == nullptr) return fail(ENOTSUP);
  if (args->group != nullptr) require_group(args->group, kCall);
  const auto flags = static_cast<uint16_t>((typesafe ? kTypeSafe : 0) | (args->ctor != nullptr ? kConstructed : 0) |
                                           (args->group != nullptr ? kCharged : 0));
  const bool merges = args->flags == 0 && args->ctor == nullptr && args->group == nullptr;
  int error = 0;
  reslab_cache* cache =
      cache_create({name, args->size, args->align, flags, merges, args->ctor, group_id(args->group), contract}, error);
  return cache != nullptr ? cache : fail(error);
}

int reslab_cache_destroy(reslab_cache* cache) noexcept {
  if (cache == nullptr) return 0;
  require_cache(cache, "reslab_cache_destroy");
  const int saved = errno;
  int result = 0;
  if (begin_maintenance("reslab_cache_destroy", RESLAB_FRAME) == nullptr) {
    result = errno;
  } else {
    const SlowCall call;
    result = cache_destroy(cache);
  }
  errno = saved;
  return result;
}

void* reslab_cache_alloc(reslab_cache* cache) noexcept {
  void* object;
  if (__builtin_expect(fast_allocate_of(fast_class_of(cache), object), 1)) return object;
  return allocate_plain(cache);
}

void* reslab_cache_alloc_nolock(reslab_cache* cache, unsigned flags) noexcept {
  constexpr unsigned kNothingToDo = kKnownFlags & ~unsigned{RESLAB_ZERO};
  void* object;
  const bool is_plain_sort = (flags & ~kNothingToDo) == 0;
  if (__builtin_expect(is_plain_sort && fast_allocate_of(fast_class_of(cache), object), 1)) return object;
  return allocate_nolock(cache, flags);
}

void reslab_cache_free(reslab_cache* cache, void* ptr) noexcept {
  if (__builtin_expect(fast_free_of(fast_class_of(cache), ptr), 1)) return;
  free_plain(cache, ptr);
}

void reslab_cache_free_nolock(reslab_cache* cache, void* ptr) noexcept {
  if (__builtin_expect(fast_free_of(fast_class_of(cache), ptr), 1)) return;
  free_nolock(cache, ptr);
}

// Ends: each round but the last yields an object.
size_t reslab_cache_alloc_bulk(reslab_cache* cache, size_t count, void** out) noexcept {
  require_cache(cache, "reslab_cache_alloc_bulk");
  const ClassId cls = fast_class_of(cache);
  size_t got = 0;
  while (got < count) {
    const size_t left = count - got;
    if (cls != kNoClass) {
      got += magazine_pop_batch(cls, out + got, static_cast<uint32_t>(left < UINT32_MAX ? left : UINT32_MAX));
      if (got == count) break;
    }
    void* object = allocate_plain(cache);
    if (object == nullptr) break;
    out[got++] = object;
  }
  return got;
}

// Ends: each round frees an object.
void reslab_cache_free_bulk(reslab_cache* cache, size_t count, void* const* ptrs) noexcept {
  require_cache(cache, "reslab_cache_free_bulk");
  const ClassId cls = fast_class_of(cache);
  size_t done = 0;
  while (done < count) {
    const uint32_t own = cls != kNoClass ? count_own(cls, ptrs + done, count - done) : 0;
    done += magazine_push_batch(cls, ptrs + done, own);
    if (done < count) free_plain(cache, ptrs[done++]);
  }
}

size_t reslab_cache_shrink(reslab_cache* cache) noexcept {
  require_cache(cache, "reslab_cache_shrink");
  if (begin_maintenance("reslab_cache_shrink", RESLAB_FRAME) == nullptr) return 0;
  const SlowCall call;
  return cache_shrink(cache);
}

}  // extern "C"
