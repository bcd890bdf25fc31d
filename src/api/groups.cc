// SPDX-License-Identifier: Apache-2.0
// reslab_group_*: budgets, and the scopes of threads.
//
// A scope is a word of the thread's line: {depth:3, count:19, id:10}. Entering the group that is entered already counts;
// entering another one keeps the word of the one around it in outer_groups[depth], then changes the word by one store, so
// that a handler in between finds the one scope or the other. Where there is no place left, entering counts as well.

#include <cerrno>

#include "api/entry.h"
#include "base/counters.h"
#include "group/group.h"
#include "heap/account.h"
#include "heap/heap.h"
#include "heap/maintenance.h"
#include "heap/root.h"
#include "reslab/reslab.h"

using namespace reslab;

namespace {

constexpr uint32_t kOneEntry = 1u << 10;
constexpr uint32_t kCountMask = ((1u << 19) - 1) << 10;
constexpr uint32_t kOneLevel = 1u << 29;
constexpr uint32_t kLevels = sizeof thread_line.outer_groups / sizeof thread_line.outer_groups[0];

constexpr uint32_t id_of(uint32_t scope) { return scope & 1023; }
constexpr uint32_t depth_of(uint32_t scope) { return scope >> 29; }

// From now on every allocation looks for its thread's scope. For good: who set the limits back could not know that no
// thread is about to enter.
void switch_entries() {
  accounts_in_use.store(true, std::memory_order_seq_cst);
  fast_path.size_limit.store(0,
                             std::memory_order_seq_cst);  // against a thread that is adopting the root (heap/root.cc)
  fallback_path.size_limit.store(0, std::memory_order_seq_cst);
}

reslab_group* create(const GroupRequest& request) {
  int error = ENOMEM;
  reslab_group* group = ensure_root(request.contract) ? group_create(request, error) : nullptr;
  return group != nullptr ? group : static_cast<reslab_group*>(fail_with(error));
}

reslab_group_stats stats_of(uint32_t id) {
  const reslab_group& group = group_at(id);
  reslab_group_stats stats = {};
  __builtin_memcpy(stats.name, group.name, sizeof stats.name);
  stats.id = id;
  stats.parent = group.parent;
  const uint64_t limit = group_limit(&group);
  stats.limit_bytes = limit == kMostBytes ? SIZE_MAX : limit;
  stats.usage_bytes = group_usage(&group);
  stats.peak_bytes = group.peak.load(std::memory_order_relaxed);
  stats.failures = group.failures.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace

extern "C" {

reslab_group* reslab_group_create(const char* name, size_t limit_bytes) noexcept {
  return create({nullptr, name, limit_bytes, plain_contract("reslab_group_create")});
}

reslab_group* reslab_group_create_in(reslab_group* parent, const char* name, size_t limit_bytes) noexcept {
  constexpr char kCall[] = "reslab_group_create_in";
  if (parent != nullptr) require_group(parent, kCall);
  return create({parent, name, limit_bytes, plain_contract(kCall)});
}

int reslab_group_destroy(reslab_group* group) noexcept {
  if (group == nullptr) return 0;
  require_group(group, "reslab_group_destroy");
  const int saved = errno;
  int result = 0;
  if (begin_maintenance("reslab_group_destroy", RESLAB_FRAME) == nullptr) result = errno;
  else result = group_destroy(group);
  errno = saved;
  return result;
}

void reslab_group_enter(reslab_group* group) noexcept {
  if (group != nullptr) require_group(group, "reslab_group_enter");
  const uint32_t id = group_id(group);
  if (!accounts_in_use.load(std::memory_order_relaxed)) switch_entries();
  const uint32_t scope = thread_line.group.load(std::memory_order_relaxed);
  const uint32_t depth = depth_of(scope);
  if (id_of(scope) == id || depth == kLevels) {
    thread_line.group.store(scope + kOneEntry, std::memory_order_relaxed);
    return;
  }
  thread_line.outer_groups[depth].store(scope, std::memory_order_relaxed);
  RESLAB_HOOK("group_enter");
  thread_line.group.store((depth + 1) * kOneLevel + kOneEntry + id, std::memory_order_relaxed);
}

void reslab_group_leave(void) noexcept {
  const uint32_t scope = thread_line.group.load(std::memory_order_relaxed);
  if ((scope & kCountMask) > kOneEntry || (depth_of(scope) == 0 && scope != 0)) {
    const uint32_t left = scope - kOneEntry;
    thread_line.group.store((left & kCountMask) == 0 && depth_of(left) == 0 ? 0 : left, std::memory_order_relaxed);
  } else if (depth_of(scope) > 0) {
    const uint32_t outer = thread_line.outer_groups[depth_of(scope) - 1].load(std::memory_order_relaxed);
    thread_line.group.store(outer, std::memory_order_relaxed);
  }
}

void* reslab_group_malloc(reslab_group* group, size_t size) noexcept {
  constexpr char kCall[] = "reslab_group_malloc";
  require_group(group, kCall);
  const Contract contract = plain_contract(kCall);
  const uint32_t account = account_for(group_id(group), size, 16, contract);
  void* object = heap_allocate({size, 16, contract, Fill::kAny, Retry::kOwnBucket, account}, kCall);
  return object != nullptr ? object : fail_with(ENOMEM);
}

void* reslab_group_malloc_nolock(reslab_group* group, size_t size, unsigned flags) noexcept {
  constexpr char kCall[] = "reslab_group_malloc_nolock";
  require_group(group, kCall);
  constexpr unsigned kKnown = RESLAB_ZERO | RESLAB_GROW | RESLAB_NORETRY | 0xffff0000u;  // the high half is the node
  if (size > RESLAB_NOLOCK_MAX || (flags & ~kKnown) != 0) return fail_nolock();
  const Contract contract = (flags & RESLAB_GROW) != 0 ? Contract::kAnyGrow : Contract::kAny;
  const Fill fill = (flags & RESLAB_ZERO) != 0 ? Fill::kZero : Fill::kAny;
  void* object = heap_allocate({size, 16, contract, fill, Retry::kOwnBucket, group_id(group)}, kCall);
  if (object == nullptr) return fail_nolock();
  counters.add(Counter::kNolockAllocs);
  return object;
}

size_t reslab_group_usage(const reslab_group* group) noexcept {
  require_group(group, "reslab_group_usage");
  return group_usage(group);
}

int reslab_group_set_limit(reslab_group* group, size_t limit_bytes) noexcept {
  require_group(group, "reslab_group_set_limit");
  return group_set_limit(group, limit_bytes);
}

int reslab_get_group_stats(struct reslab_group_stats* out, size_t max_count, size_t each_size) noexcept {
  if (out == nullptr) max_count = 0;
  size_t count = 0;
  for (uint32_t id = 1; id < kMaxGroups; ++id) {
    if (!group_is_live(id) || count++ >= max_count) continue;
    const reslab_group_stats stats = stats_of(id);
    __builtin_memcpy(reinterpret_cast<char*>(out) + (count - 1) * each_size, &stats,
                     each_size < sizeof stats ? each_size : sizeof stats);
  }
  return static_cast<int>(count);
}

}  // extern "C"
