// SPDX-License-Identifier: Apache-2.0
#include "group/group.h"

#include <cerrno>

#include "arena/geometry.h"
#include "base/for_tries.h"
#include "base/hooks.h"
#include "base/report.h"
#include "base/text.h"
#include "cache/cpu_state.h"
#include "platform/vm.h"

namespace reslab {
namespace {

enum State : uint32_t { kUnused, kClaimed, kLive, kDestroyed };

constinit reslab_group groups[kMaxGroups] = {};
constinit std::atomic<uint32_t> next_record{0};
constinit std::atomic<uint32_t> records_end{1};  // ids below it were in use at some time

constexpr size_t kStockStride = 64 / sizeof(uint64_t);
constexpr uint64_t kMostStock = 64 << 10;
// Rounds of a charge that finds too little; each was lost to others, or to somebody who took what it drained.
constexpr int kDrains = 8;

// --- the word ----------------------------------------------------------------------------------------------------------

constexpr uint64_t bytes_of(uint64_t word) { return word & kMostBytes; }
constexpr uint32_t limit_place(uint64_t word) { return static_cast<uint32_t>(word >> 48 & 0x3f); }
constexpr uint64_t switched(uint64_t word, uint32_t place) {
  return ((word >> 56) + 1) << 56 | uint64_t{place} << 48 | bytes_of(word);
}

// acquire: pairs with the switch to a limit, whose value was written before.
uint64_t word_of(const reslab_group& group) { return group.used.load(std::memory_order_acquire); }

uint64_t limit_in(const reslab_group& group, uint64_t word) {
  return group.limits[limit_place(word)].load(std::memory_order_relaxed);
}

reslab_group* parent_of(const reslab_group& group) { return group.parent == 0 ? nullptr : &groups[group.parent]; }

void note_peak(reslab_group& group, uint64_t bytes) {
  uint64_t peak = group.peak.load(std::memory_order_relaxed);
  if (bytes > peak) group.peak.compare_exchange_strong(peak, bytes, std::memory_order_relaxed);  // a hint
}

bool has_room(const reslab_group& group, uint64_t word, uint64_t bytes) {
  const uint64_t limit = limit_in(group, word);
  return bytes <= limit && bytes_of(word) <= limit - bytes;
}

// False: over the limit; kCasTries races lost look the same, and the caller has other rounds.
bool reserve(reslab_group& group, uint64_t bytes) {
  uint64_t word = word_of(group);
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    if (!has_room(group, word, bytes)) return false;
    RESLAB_HOOK("group_reserve");
    // acquire, for when it fails: the word may name another limit.
    if (group.used.compare_exchange_weak(word, word + bytes, std::memory_order_acquire)) {
      note_peak(group, bytes_of(word) + bytes);
      return true;
    }
  }
  return false;
}

void release(reslab_group& group, uint64_t bytes) { group.used.fetch_sub(bytes, std::memory_order_relaxed); }

void release_chain(reslab_group& group, uint64_t bytes, const reslab_group* end = nullptr) {
  for (reslab_group* one = &group; one != end; one = parent_of(*one)) release(*one, bytes);
}

// In the group and in all it lies in. nullptr: done; otherwise the one whose limit is in the way, and nothing is changed.
reslab_group* reserve_chain(reslab_group& group, uint64_t bytes) {
  for (reslab_group* one = &group; one != nullptr; one = parent_of(*one)) {
    if (reserve(*one, bytes)) continue;
    release_chain(group, bytes, one);
    return one;
  }
  return nullptr;
}

// --- stocks ------------------------------------------------------------------------------------------------------------

std::atomic<uint64_t>& stock_of(const reslab_group& group, uint32_t slot) {
  return group.stocks.load(std::memory_order_relaxed)[slot * kStockStride];
}

bool take_from(std::atomic<uint64_t>& stock, uint64_t bytes) {
  constexpr int kTries = 4;  // a busy stock is left to others
  uint64_t have = stock.load(std::memory_order_relaxed);
  for ([[maybe_unused]] int round : for_tries(kTries)) {
    if (have < bytes) return false;
    RESLAB_HOOK("group_stock");
    if (stock.compare_exchange_weak(have, have - bytes, std::memory_order_relaxed)) return true;
  }
  return false;
}

bool lies_in(const reslab_group& group, const reslab_group& outer) {
  for (const reslab_group* one = &group; one != nullptr; one = parent_of(*one)) {
    if (one == &outer) return true;
  }
  return false;
}

// Calls visit(group) for each live group that is `outer` or lies in it. Ends: one round over the records.
template <class Visit>
void for_each_in(const reslab_group& outer, Visit visit) {
  const uint32_t end = records_end.load(std::memory_order_acquire);
  for (uint32_t id = 1; id < end; ++id) {
    reslab_group& group = groups[id];
    if (group.state.load(std::memory_order_acquire) == kLive && lies_in(group, outer)) visit(group);
  }
}

uint64_t empty_stocks(const reslab_group& group) {
  uint64_t sum = 0;
  for (uint32_t slot = 0; slot < slots().count(); ++slot) {
    std::atomic<uint64_t>& stock = stock_of(group, slot);
    if (stock.load(std::memory_order_relaxed) != 0) sum += stock.exchange(0, std::memory_order_relaxed);
  }
  return sum;
}

// All stocks that count against the limit of `outer`. How many bytes that were.
uint64_t drain(const reslab_group& outer) {
  uint64_t sum = 0;
  for_each_in(outer, [&](reslab_group& group) {
    const uint64_t bytes = empty_stocks(group);
    RESLAB_HOOK("group_drained");
    if (bytes != 0) release_chain(group, bytes);
    sum += bytes;
  });
  return sum;
}

// What a charge takes along for the stock: a small part of a small budget.
uint64_t stock_ahead(const reslab_group& group) {
  const uint64_t part = limit_in(group, word_of(group)) / 64;
  return part < kMostStock / 2 ? part : kMostStock / 2;
}

// The stock had too little.
bool charge_from_used(reslab_group& group, uint64_t bytes) {
  const uint64_t ahead = stock_ahead(group);
  for ([[maybe_unused]] int round : for_tries(kDrains)) {
    if (reserve_chain(group, bytes + ahead) == nullptr) {
      RESLAB_HOOK("group_reserved");
      stock_of(group, slot_index()).fetch_add(ahead, std::memory_order_relaxed);
      return true;
    }
    const reslab_group* full = reserve_chain(group, bytes);
    if (full == nullptr) return true;
    if (drain(*full) == 0 && !has_room(*full, word_of(*full), bytes)) break;  // with room, the races were lost
  }
  return reserve_chain(group, bytes) == nullptr;
}

// --- records -----------------------------------------------------------------------------------------------------------

bool is_record(const reslab_group* group) {
  const size_t offset = reinterpret_cast<uintptr_t>(group) - reinterpret_cast<uintptr_t>(groups);
  return offset < sizeof groups && offset % sizeof(reslab_group) == 0 && offset != 0;
}

// The ones that were never used, or longest ago, first; where the kernel may not be entered, of those that have stocks. Ends:
// one round.
reslab_group* claim_record(Contract contract) {
  for (uint32_t i = 1; i < kMaxGroups; ++i) {
    const uint32_t id = 1 + next_record.fetch_add(1, std::memory_order_relaxed) % (kMaxGroups - 1);
    uint32_t state = groups[id].state.load(std::memory_order_relaxed);
    if (state != kUnused && state != kDestroyed) continue;
    if (!may_enter_kernel(contract) && groups[id].stocks.load(std::memory_order_relaxed) == nullptr) continue;
    if (groups[id].state.compare_exchange_strong(state, kClaimed, std::memory_order_acquire)) return &groups[id];
  }
  return nullptr;
}

bool make_stocks(reslab_group& group) {
  if (group.stocks.load(std::memory_order_relaxed) != nullptr) return true;  // of a group that has gone: all empty
  void* memory = vm_map(slots().count() * kStockStride * sizeof(uint64_t));
  group.stocks.store(static_cast<std::atomic<uint64_t>*>(memory), std::memory_order_relaxed);
  return memory != nullptr;
}

void raise_end(uint32_t end) {
  uint32_t now = records_end.load(std::memory_order_relaxed);
  for ([[maybe_unused]] int round : for_tries(kMaxGroups)) {  // ends: each loss has raised it
    if (now >= end || records_end.compare_exchange_weak(now, end, std::memory_order_release)) return;
  }
}

}  // namespace

reslab_group* group_create(const GroupRequest& request, int& error) {
  reslab_group* group = claim_record(request.contract);
  error = may_enter_kernel(request.contract) ? ENOSPC : ENOMEM;
  if (group == nullptr) return nullptr;
  RESLAB_HOOK("group_claimed");
  error = ENOMEM;
  if (!make_stocks(*group)) {
    group->state.store(kUnused, std::memory_order_release);
    return nullptr;
  }
  group->parent = group_id(request.parent);
  if (request.parent != nullptr) group_depend(group->parent, 1);
  group->peak.store(0, std::memory_order_relaxed);
  group->failures.store(0, std::memory_order_relaxed);
  copy_text(group->name, sizeof group->name, request.name);
  group->limits[0].store(request.limit < kMostBytes ? request.limit : kMostBytes, std::memory_order_relaxed);
  group->next_limit.store(1, std::memory_order_relaxed);
  group->used.store(switched(group->used.load(std::memory_order_relaxed), 0), std::memory_order_relaxed);
  raise_end(group_id(group) + 1);
  group->state.store(kLive, std::memory_order_release);  // whoever has the handle sees it all
  return group;
}

// A limit of 0 can be set only if nothing is charged, and then nothing can be.
int group_destroy(reslab_group* group) {
  if (group->dependents.load(std::memory_order_acquire) != 0) return EBUSY;
  if (group_set_limit(group, 0) != 0) return EBUSY;
  const uint32_t parent = group->parent;  // before the record may be another's
  group->state.store(kDestroyed, std::memory_order_release);
  if (parent != 0) group_depend(parent, -1);
  return 0;
}

int group_set_limit(reslab_group* group, uint64_t limit) {
  constexpr uint32_t kPlaces = sizeof group->limits / sizeof group->limits[0];
  if (limit > kMostBytes) limit = kMostBytes;
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    uint64_t word = word_of(*group);
    if (bytes_of(word) > limit) {
      if (drain(*group) == 0) return EBUSY;
      continue;
    }
    const uint32_t place = group->next_limit.fetch_add(1, std::memory_order_relaxed) % kPlaces;
    if (place == limit_place(word)) continue;  // in use
    group->limits[place].store(limit, std::memory_order_relaxed);
    RESLAB_HOOK("group_limit");
    // release: the value. The word's number of changes keeps a charge that has seen another limit from raising it.
    for ([[maybe_unused]] int again : for_tries(kCasTries)) {
      if (bytes_of(word) > limit || limit_place(word) == place) break;
      if (group->used.compare_exchange_weak(word, switched(word, place), std::memory_order_release)) return 0;
    }
  }
  return EBUSY;  // so many charges meanwhile that it never stood still
}

uint64_t group_limit(const reslab_group* group) { return limit_in(*group, word_of(*group)); }

// `used` first: what leaves a stock afterwards makes the figure too large at most by what is used, and never above the
// limit.
uint64_t group_usage(const reslab_group* group) {
  const uint64_t used = bytes_of(word_of(*group));
  uint64_t stocked = 0;
  for_each_in(*group, [&](const reslab_group& one) {
    for (uint32_t slot = 0; slot < slots().count(); ++slot) {
      stocked += stock_of(one, slot).load(std::memory_order_relaxed);
    }
  });
  return used > stocked ? used - stocked : 0;
}

bool group_charge(uint32_t id, size_t bytes) {
  reslab_group& group = groups[id];
  if (take_from(stock_of(group, slot_index()), bytes) || charge_from_used(group, bytes)) return true;
  group.failures.fetch_add(1, std::memory_order_relaxed);
  return false;
}

// Half of a full stock goes back, so that the next free does not find it full again.
void group_uncharge(uint32_t id, size_t bytes) {
  reslab_group& group = groups[id];
  std::atomic<uint64_t>& stock = stock_of(group, slot_index());
  if (bytes >= kMostStock) return release_chain(group, bytes);
  RESLAB_HOOK("group_uncharge");
  const uint64_t now = stock.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (now > kMostStock && take_from(stock, now / 2)) release_chain(group, now / 2);
}

uint32_t group_id(const reslab_group* group) { return group == nullptr ? 0 : static_cast<uint32_t>(group - groups); }
reslab_group& group_at(uint32_t id) { return groups[id]; }

bool group_is_live(uint32_t id) { return id < kMaxGroups && groups[id].state.load(std::memory_order_acquire) == kLive; }

GroupTable group_table() { return {groups, &records_end, kLive, kStockStride * sizeof(uint64_t)}; }

void group_depend(uint32_t id, int32_t change) {
  groups[id].dependents.fetch_add(static_cast<uint32_t>(change), std::memory_order_acq_rel);
}

void require_group(const reslab_group* group, const char* call) {
  if (is_record(group) && group_is_live(group_id(group))) return;
  const bool was_one = is_record(group) && group->state.load(std::memory_order_relaxed) == kDestroyed;
  Line line;
  begin_report(line, call, group);
  if (was_one) say(line, Report::kGroupDestroyed, group->name);
  else say(line, Report::kNoGroup);
  die(line);
}

}  // namespace reslab
