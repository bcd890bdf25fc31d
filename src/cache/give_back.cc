// SPDX-License-Identifier: Apache-2.0
#include "cache/give_back.h"

#include "base/counters.h"
#include "base/hooks.h"
#include "cache/active_slab.h"
#include "cache/block.h"
#include "cache/depot.h"
#include "cache/magazine.h"
#include "cache/policy.h"
#include "cache/tide.h"

namespace reslab {

constinit Tide tide;

namespace {

constexpr uint32_t kSweepBudget = 16;       // partial slabs looked at in one search for empty ones
constexpr uint32_t kLongSweepPause = 2048;  // after a whole round that found none
constexpr uint32_t kScatteredBudget = 64;   // slabs of a class of which one call gives free pages back
constexpr uint32_t kSweepPause = 64;        // flushes to let pass after a search that found none

// Counts a flush down; true while a class is not to be searched.
bool is_paused(SlabClass& own) {
  const uint32_t pause = own.sweep_pause.load(std::memory_order_relaxed);
  if (pause == 0) return false;
  own.sweep_pause.store(pause - 1, std::memory_order_relaxed);
  if (pause == 1) own.unreachable.store(0, std::memory_order_relaxed);  // perhaps they can be reached again
  return true;
}

// Looks for empty slabs: a whole round when enough of them are empty to pay for it, else at a few. What a whole round
// does not meet is not looked for again so soon: it is active, or a thread that is gone had it in hand.
void sweep(ClassId cls, SlabClass& own, int32_t empty) {
  const uint32_t slabs = own.slabs.load(std::memory_order_relaxed);
  const bool whole = empty >= 4 && static_cast<uint32_t>(empty) > slabs / 20;
  if (!whole && is_paused(own)) return;
  if ((whole ? slab_sweep_all(cls) : slab_sweep(cls, kSweepBudget)) > 0) return;
  own.sweep_pause.store(whole ? kLongSweepPause : kSweepPause, std::memory_order_relaxed);
  if (whole) own.unreachable.store(own.empty_slabs.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

int32_t empty_slabs_in_reach(const SlabClass& own) {
  return own.empty_slabs.load(std::memory_order_relaxed) - own.unreachable.load(std::memory_order_relaxed);
}

// A block of objects, or as many as there are; none if there is no block to be had.
uint32_t give_back_from_magazine(ClassId cls) {
  const uint32_t block = blocks().take(cls, Contract::kPlain);
  if (block == 0) return 0;
  const uint32_t popped = magazine_pop_batch(cls, blocks().slots(block), kBlockObjects);
  blocks().set_count(block, popped);
  counters.add(Counter::kFrees, popped);
  give_back_block(cls, block);
  return popped;
}

}  // namespace

void give_back_object(void* object) {
  counters.add(Counter::kFrees);
  if (!slab_give_object(object)) report_free_at_flush(object);
}

void give_back_counted(ClassId cls, void** objects, uint32_t count) {
  void* twice = slab_give_sorted(cls, objects, count);
  if (twice != nullptr) report_free_at_flush(twice);
}

void give_back_block(ClassId cls, uint32_t block) {
  const uint32_t n = blocks().count(block);
  blocks().set_count(block, 0);  // before they enter their new home
  void* twice = slab_give_sorted(cls, blocks().slots(block), n);
  blocks().recycle(block);
  if (twice != nullptr) report_free_at_flush(twice);
}

void give_back_depot(ClassId cls, uint64_t objects, uint32_t most_blocks) {
  for (uint64_t given = 0; given < objects && most_blocks > 0; --most_blocks) {
    const uint32_t block = depot().take_any(cls);
    if (block == 0) return;
    given += blocks().count(block);
    give_back_block(cls, block);
  }
}

void give_back_idle(ClassId cls) {
  const uint32_t idle = depot().age(cls);
  if (idle > 0) give_back_depot(cls, idle, kMostBlocksAged);
}

void empty_depot(ClassId cls) {
  const int64_t objects = depot().of(cls).objects.load(std::memory_order_relaxed);
  give_back_depot(cls, objects > 0 ? static_cast<uint64_t>(objects) : 1, blocks().blocks_made());
}

void empty_magazine(uint32_t slot, ClassId cls) {
  const ClassInfo& info = class_info(cls);
  if (header_end(header_word(slot, cls).load(std::memory_order_relaxed)) == 0) return;
  // Of the slot that was asked for, wherever the thread is by now.
  class_slot(slot, cls).warmth.store(0, std::memory_order_relaxed);
  magazine_shrink(slot, cls, 0);
  uint32_t popped = kBlockObjects;
  for (uint32_t left = info.magazine / kBlockObjects + 1; left > 0 && popped == kBlockObjects; --left) {
    popped = give_back_from_magazine(cls);
  }
}

void give_back_empties(ClassId cls) {
  SlabClass& own = slab_class(cls);
  const int32_t keep = class_info(cls).slab_units == 1 && !is_sparse(cls) && !tide.is_ebbing() ? 1 : 0;
  const int32_t empty = empty_slabs_in_reach(own);
  if (empty <= keep) {
    if (own.unreachable.load(std::memory_order_relaxed) > 0) is_paused(own);
    return;
  }
  sweep(cls, own, empty);
  arena().purge_above_bound();
}

void purge_scattered(ClassId cls) {
  constexpr int64_t kLarge = 64;     // slabs
  constexpr int64_t kHardlyAny = 8;  // one in so many
  const ClassInfo& info = class_info(cls);
  const int64_t slabs = slab_class(cls).slabs.load(std::memory_order_relaxed);
  const int64_t used = objects_used(cls);
  if (slabs < kLarge || used > 2 * slabs || used > slabs * info.capacity / kHardlyAny || !pages_can_go(info)) return;
  slab_sweep(cls, kScatteredBudget, FreePages::kPurge);
  arena().purge_above_bound(slabs * info.slab_units);
}

SlabUse measure_slabs() {
  int64_t used = 0, free = 0;  // of a class each may be a little below zero for a moment
  for (const ClassId cls : all_classes()) {
    const int64_t each = class_info(cls).object_bytes;
    used += objects_used(cls) * each;
    free += slab_class(cls).free_objects.load(std::memory_order_relaxed) * each;
  }
  return {static_cast<uint64_t>(used > 0 ? used : 0), static_cast<uint64_t>(free > 0 ? free : 0)};
}

void let_go_of_slot(uint32_t slot) {
  if (!slots().is_ready(slot)) return;
  cpu_state(slot).ebb.store(tide.number(), std::memory_order_relaxed);
  for (const ClassId cls : all_classes()) {
    empty_magazine(slot, cls);
    release_active(slot, cls);
    give_back_empties(cls);
  }
}

void let_go_of_shared() {
  const int64_t idle = measure_slabs().idle_units();
  const bool pages_go = arena().has_dirty_above_bound(idle);
  for (const ClassId cls : all_classes()) {
    empty_depot(cls);
    for (uint32_t slot = 0; slot < slots().count(); ++slot) {
      if (slots().is_ready(slot)) release_active(slot, cls);
    }
    if (empty_slabs_in_reach(slab_class(cls)) > 0) slab_sweep_all(cls);
    // Between objects that other CPUs' magazines hold.
    if (pages_go && pages_can_go(class_info(cls))) slab_sweep(cls, kScatteredBudget, FreePages::kPurge);
  }
  arena().purge_above_bound(idle);
}

}  // namespace reslab
