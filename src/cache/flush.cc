// SPDX-License-Identifier: Apache-2.0
// Frees when the magazine has no room: flush to the depot or to the slabs, or around both for nolock calls.

#include "base/counters.h"
#include "base/for_tries.h"
#include "base/hooks.h"
#include "cache/block.h"
#include "cache/cache.h"
#include "cache/cpu_state.h"
#include "cache/depot.h"
#include "cache/give_back.h"
#include "cache/homeward.h"
#include "cache/lost_slabs.h"
#include "cache/magazine.h"
#include "cache/policy.h"
#include "cache/tide.h"
#include "slab/slab.h"

namespace reslab {
namespace {

constexpr uint32_t kLostLook = 8;  // units looked at for slabs that nobody has listed

// Whether an ebb begins. While one lasts, what is idle in slabs does not count as live: no reason to keep more of it.
bool look_at_tide() {
  relist_lost_slabs(1);
  const SlabUse use = measure_slabs();
  if (tide.falls_to(use.used_bytes)) return true;
  if (tide.is_ebbing()) arena().purge_above_bound(use.idle_units());
  return false;
}

[[gnu::noinline]] void follow_tide(uint32_t slot) {
  const bool falls = tide.look_is_due() && look_at_tide();
  if (tide.is_ebbing() && cpu_state(slot).ebb.load(std::memory_order_relaxed) != tide.number()) let_go_of_slot(slot);
  if (falls) let_go_of_shared();
}

// The magazine is full: part of it and `object` leave in a block. False: no block to be had, the object is still here.
bool flush(uint32_t slot, ClassId cls, void* object) {
  const bool ebbing = tide.is_ebbing();
  const bool sparse = is_sparse(cls);
  if (sparse) cool_magazines(slot, cls);
  const uint32_t block = blocks().take(cls, Contract::kPlain);
  if (block == 0) return false;
  counters.add(Counter::kFlushes);
  RESLAB_HOOK("flush");
  void** objects = blocks().slots(block);
  const uint32_t batch = class_info(cls).batch;
  const uint32_t popped = magazine_pop_batch(cls, objects, batch < kBlockObjects ? batch : kBlockObjects - 1);
  objects[popped] = object;
  blocks().set_count(block, popped + 1);
  counters.add(Counter::kFrees, popped + 1);

  const bool keep = !sparse && !ebbing && !depot_is_full() && capacity_now(slot, cls) > 0;
  if (keep) deposit_at_home(cls, block);
  else give_back_block(cls, block);
  if (sparse) {
    give_back_depot(cls, UINT64_MAX, 2);
    relist_lost_slabs(kLostLook);  // what a lost slab has free makes its class look sparse
  }
  give_back_idle(cls);
  give_back_empties(cls);
  if (sparse) purge_scattered(cls);  // behind it: slabs that go whole are free memory by then
  follow_tide(slot);
  return true;
}

// Out of line, as it is in six places on ways that are seldom taken.
[[gnu::noinline]] bool free_one_bit(void* object) {
  counters.add(Counter::kFrees);
  counters.add(Counter::kSingleBitFrees);
  return slab_give_object(object);
}

// A warm large class whose magazine would be larger if the budget of the slot let it.
bool is_held_back(uint32_t slot, ClassId cls) {
  const ClassInfo& info = class_info(cls);
  const uint32_t capacity = capacity_now(slot, cls);
  return info.object_bytes >= kLargeBytes && capacity > 0 && capacity < info.magazine && !is_sparse(cls);
}

// In an ebb there is no magazine to flush: of the frees that find none, one in so many does what flushes do besides.
[[gnu::noinline]] bool is_cold_free(uint32_t slot, ClassId cls) {
  constexpr uint32_t kFlushes = 16;
  if (capacity_now(slot, cls) > 0 || class_info(cls).object_bytes >= kLargeBytes) return false;
  std::atomic<uint32_t>& frees = cpu_state(slot).cold_frees;
  const uint32_t count = frees.load(std::memory_order_relaxed) + 1;  // a lost one does no harm
  frees.store(count, std::memory_order_relaxed);
  return count % kFlushes != 0;
}

bool free_plain(ClassId cls, void* object) {
  const uint32_t slot = slot_index();
  if (!slots().make_ready(slot)) return free_one_bit(object);
  if (tide.is_ebbing() && is_cold_free(slot, cls)) return free_one_bit(object);
  magazine_open(slot, cls);
  const bool grown = !tide.is_ebbing() && grow_magazine(slot, cls, Cause::kOverflow);
  if (!grown && is_held_back(slot, cls)) {
    const ClassId victim = find_large_victim(slot, cls);
    if (victim != kNoClass) empty_magazine(slot, victim);
  }
  if (grown && magazine_push(cls, object) == Section::kDone) return true;
  return flush(slot, cls, object) || free_one_bit(object);
}

bool free_nolock(ClassId cls, void* object) {
  const uint32_t slot = slot_index();
  if (class_info(cls).linkable() && slots().is_ready(slot) && cpu_state(slot).deferred.push(object)) {
    counters.add(Counter::kDeferredPushed);
    return true;
  }
  return free_one_bit(object);
}

}  // namespace

bool cache_free_slow(ClassId cls, void* object, Contract contract) {
  Section section = Section::kAborted;
  for ([[maybe_unused]] int round : for_tries(kRestarts)) {
    section = magazine_push(cls, object);
    if (section == Section::kDone) return true;
    if (section == Section::kSameAsTop) return false;
    if (section != Section::kAborted) break;
  }
  if (section == Section::kAborted) {  // single-stepped, or a flood of signals: one bit and nothing else (40)
    counters.add(Counter::kRestartsExhausted);
    return free_one_bit(object);
  }
  if (section == Section::kUnregistered) return free_one_bit(object);
  return contract == Contract::kPlain ? free_plain(cls, object) : free_nolock(cls, object);
}

uint32_t drain_deferred(uint32_t slot, uint32_t budget) {
  uint32_t moved = 0;
  for (; moved < budget; ++moved) {
    void* object = cpu_state(slot).deferred.pop();
    if (object == nullptr) break;
    give_back_object(object);
  }
  if (moved > 0) counters.add(Counter::kDeferredFlushed, moved);
  return moved;
}

size_t drain_all_deferred() {
  size_t moved = 0;
  for (uint32_t slot = 0; slot < slots().count(); ++slot) {
    if (slots().is_ready(slot)) moved += drain_deferred(slot, 2 * DeferredList::kMaxLength);
  }
  return moved;
}

}  // namespace reslab
