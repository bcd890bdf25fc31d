// SPDX-License-Identifier: Apache-2.0
#include "objects/typed_cache.h"

#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "base/hooks.h"
#include "base/report.h"
#include "base/text.h"
#include "cache/cache.h"
#include "group/group.h"
#include "heap/census.h"
#include "heap/debug.h"
#include "heap/root.h"
#include "platform/syscall.h"
#include "slab/retired.h"

namespace reslab {
namespace {

enum State : uint32_t { kUnused, kClaimed, kLive, kDestroyed };

constinit reslab_cache caches[kMaxCaches] = {};
constinit std::atomic<uint32_t> next_record{0};

bool is_record(const reslab_cache* cache) {
  const size_t offset = reinterpret_cast<uintptr_t>(cache) - reinterpret_cast<uintptr_t>(caches);
  return offset < sizeof caches && offset % sizeof(reslab_cache) == 0;
}

// Ends: one round over the records.
reslab_cache* claim_record() {
  for (uint32_t i = 0; i < kMaxCaches; ++i) {
    reslab_cache& cache = caches[next_record.fetch_add(1, std::memory_order_relaxed) % kMaxCaches];
    uint32_t state = cache.state.load(std::memory_order_relaxed);
    if (state != kUnused && state != kDestroyed) continue;
    if (cache.state.compare_exchange_strong(state, kClaimed, std::memory_order_acquire)) return &cache;
  }
  return nullptr;
}

// Then nothing of the class is anywhere, as an object that is cached or out keeps its slab.
// acquire: whoever retired the last one was done with what the class is (slab_retire).
bool has_no_slab(ClassId cls) { return slab_class(cls).slabs.load(std::memory_order_acquire) == 0; }

// A class that a live cache of the same kind has already, with one user more. A stride is a multiple of the alignment it
// was planned for, and slabs begin at units: the stride alone says how objects are aligned.
ClassId join_class(size_t stride) {
  for (const reslab_cache& other : caches) {
    if (other.state.load(std::memory_order_acquire) != kLive || !other.merges) continue;
    const ClassId cls = other.cls;
    if (cache_class_info(cls).object_bytes != stride) continue;
    RESLAB_HOOK("cache_join");
    if (!class_table().join(cls)) continue;
    if (other.state.load(std::memory_order_acquire) == kLive && other.cls == cls) return cls;
    // It went meanwhile, and perhaps its class is another's now. If that has gone too, thinking that it was not the last
    // one, its objects may still be out: the class stays as it is, for nobody.
    if (class_table().leave(cls) && has_no_slab(cls)) class_table().retire(cls);
  }
  return kNoClass;
}

ClassId find_class(const CacheRequest& request, bool merges, size_t stride) {
  const ClassId shared = merges ? join_class(stride) : kNoClass;
  if (shared != kNoClass) return shared;
  return class_table().make({stride, request.flags, request.constructor, request.name});
}

// Not one for which a debug mode was asked by its name: others' objects would be on record with its own.
bool may_merge(const CacheRequest& request) {
  const DebugTables* tables = debug_tables.load(std::memory_order_acquire);
  const char* const name = request.name != nullptr ? request.name : "";
  return request.merges && (tables == nullptr || !names_cache(tables->settings, name));
}

// --- what is live ------------------------------------------------------------------------------------------------------

// Calls visit(address) for the objects of a class that are not free in their slabs. Ends: units and bits are finite.
template <class Visit>
void for_each_out(ClassId cls, Visit visit) {
  const ClassInfo& info = cache_class_info(cls);
  const uint32_t frontier = arena().frontier();
  for (uint32_t unit = 1; unit < frontier; ++unit) {
    if (slab_identity(unit).cls != cls) continue;
    for (uint32_t index = 0; index < info.capacity; ++index) {
      const uint64_t free = slab_bits(unit, info)[index / 64].load(std::memory_order_relaxed);
      if ((free >> (index % 64) & 1) == 0) visit(unit_address(unit) + size_t{index} * info.object_bytes);
    }
  }
}

// Who allocated them, as far as a debug mode has kept it.
void report_sites(const reslab_cache& cache, uint64_t most) {
  const DebugTables* tables = debug_tables.load(std::memory_order_acquire);
  const bool is_known = tables != nullptr && tables->has(kDebugUsers) && names_class(tables->settings, cache.cls);
  if (!is_known || cache.group != 0) return;
  uint64_t named = 0;
  for_each_out(cache.cls, [&](const void* object) {
    if (named++ >= most) return;
    Line line;
    line.text("reslab:   ").ptr(object);
    line.write_to(STDERR_FILENO);
    print_history(object);
  });
}

void report_live(const reslab_cache& cache, uint64_t live) {
  constexpr uint64_t kMostNamed = 12;
  Line line;
  line.text("reslab: reslab_cache_destroy(").text(cache.name).text("): ").dec(live);
  line.text(live == 1 ? " object is live:" : " objects are live:");
  uint64_t named = 0;
  for_each_out(cache.cls, [&](const void* object) {
    if (named++ < kMostNamed) line.text(" ").ptr(object);
  });
  if (named > kMostNamed) line.text(" ...");
  line.write_to(STDERR_FILENO);
  report_sites(cache, kMostNamed);
}

void sleep_a_millisecond() {
  const timespec millisecond = {0, 1000000};
  sys_call(SYS_nanosleep, reinterpret_cast<long>(&millisecond));
}

// Empty slabs of a type-safe class wait for the readers of their last objects: a second at most. True: none is left.
bool wait_for_readers(ClassId cls) {
  constexpr int kMilliseconds = 1000;
  for (int left = kMilliseconds; left > 0; --left) {
    slab_sweep_all(cls);
    if (has_no_slab(cls)) return true;
    sleep_a_millisecond();
  }
  return false;
}

// Objects that are with the user. More than one look: another thread's search for empty slabs, or its trim, may have had
// free ones in hand, which look the same.
uint64_t count_live(ClassId cls) {
  constexpr int kLooks = 5;
  for (int left = kLooks;; --left) {
    cache_drain_class(cls);
    const uint64_t live = take_census(cls).live();
    if (live == 0 || left == 1) return live;
    sleep_a_millisecond();
  }
}

// May the class go with its last cache?
int give_up_class(const reslab_cache& cache) {
  const ClassId cls = cache.cls;
  const uint64_t live = count_live(cls);
  if (live != 0) report_live(cache, live);
  const bool waits = live == 0 && cache_class_info(cls).is(kTypeSafe) && !has_no_slab(cls);
  if (live == 0 && (!waits || wait_for_readers(cls))) return 0;
  class_table().rejoin(cls);
  return EBUSY;
}

}  // namespace

reslab_cache* cache_create(const CacheRequest& request, int& error) {
  const size_t stride = plan_stride(request.bytes, request.align);
  error = EINVAL;
  if (stride == 0) return nullptr;
  error = ENOMEM;
  if (!ensure_root(request.contract)) return nullptr;
  error = ENOSPC;
  reslab_cache* cache = claim_record();
  if (cache == nullptr) return nullptr;
  RESLAB_HOOK("cache_claimed");
  const bool merges = may_merge(request);
  const ClassId cls = find_class(request, merges, stride);
  if (cls == kNoClass) {
    cache->state.store(kUnused, std::memory_order_release);
    return nullptr;
  }
  cache->cls = cls;
  cache->group = request.group;
  if (request.group != 0) group_depend(request.group, 1);
  cache->merges = merges;
  copy_text(cache->name, sizeof cache->name, request.name);
  // release: the class first, then the cache; whoever has the handle sees both.
  cache->fast_class.store(request.group == 0 && !debug_is_on() ? cls : 0, std::memory_order_release);
  cache->state.store(kLive, std::memory_order_release);
  return cache;
}

int cache_destroy(reslab_cache* cache) {
  const ClassId cls = cache->cls;
  const bool was_last = class_table().leave(cls);
  if (was_last) {
    const int busy = give_up_class(*cache);
    if (busy != 0) return busy;
  }
  if (cache->group != 0) group_depend(cache->group, -1);
  cache->fast_class.store(0, std::memory_order_relaxed);
  cache->state.store(kDestroyed, std::memory_order_release);
  // Behind the state: the id may be another kind's at once, and join_class would take this cache's word that it is not.
  // Where magazines cannot be drained (no fence) the class stays, with what is in them.
  if (was_last && has_no_slab(cls)) class_table().retire(cls);
  return 0;
}

size_t cache_shrink(const reslab_cache* cache) {
  const SlabClass& own = slab_class(cache->cls);
  const uint32_t before = own.slabs.load(std::memory_order_relaxed);
  cache_drain_class(cache->cls);
  const uint32_t after = own.slabs.load(std::memory_order_relaxed);
  arena().purge_above_bound();
  return before <= after ? 0 : size_t{before - after} * cache_class_info(cache->cls).slab_units * kUnitBytes;
}

void require_cache(const reslab_cache* cache, const char* call) {
  if (is_record(cache) && cache->state.load(std::memory_order_acquire) == kLive) return;
  const bool was_one = is_record(cache) && cache->state.load(std::memory_order_relaxed) == kDestroyed;
  Line line;
  begin_report(line, call, cache);
  if (was_one) say(line, Report::kCacheDestroyed, cache->name);
  else say(line, Report::kNoCache);
  die(line);
}

}  // namespace reslab
