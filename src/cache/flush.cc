// Frees when the magazine has no room: flush to the depot or to the slabs, or around both for nolock calls.

#include "base/counters.h"
#include "base/for_tries.h"
#include "base/hooks.h"
#include "base/report.h"
#include "cache/block.h"
#include "cache/bulk_free.h"
#include "cache/cache.h"
#include "cache/cpu_state.h"
#include "cache/depot.h"
#include "cache/drain.h"
#include "cache/lost_slabs.h"
#include "cache/magazine.h"
#include "cache/policy.h"
#include "cache/tide.h"
#include "slab/slab.h"

namespace reslab {

constinit Tide tide;

namespace {

constexpr uint32_t kSweepBudget = 16;       // partial slabs looked at in one search for empty ones
constexpr uint32_t kLongSweepPause = 2048;  // after a whole round that found none
constexpr uint32_t kSweepPause = 64;        // flushes to let pass after a search that found none
constexpr uint32_t kLostLook = 8;           // units looked at for slabs that nobody has listed
constexpr uint32_t kMostBlocksAged = 32;

[[noreturn]] void report_double_free(void* object) {
  counters.add(Counter::kDoubleFrees);
  Line line;
  begin_report(line, "free", object);
  die(say(line, Report::kDoubleFreeAtFlush));
}

// The objects of a block in hand go back to their slabs; the block is used up.
void empty_block(ClassId cls, uint32_t block) {
  const uint32_t n = blocks().count(block);
  blocks().set_count(block, 0);  // before they enter their new home
  void* twice = slab_give_sorted(cls, blocks().slots(block), n);
  blocks().recycle(block);
  if (twice != nullptr) report_double_free(twice);
}

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

// Empty slabs beyond the one that a class may keep are given back, and with them pages above the bound.
void give_back_empties(ClassId cls) {
  SlabClass& own = slab_class(cls);
  const int32_t keep = class_info(cls).slab_units == 1 && !is_sparse(cls) && !tide.is_ebbing() ? 1 : 0;
  const int32_t unreachable = own.unreachable.load(std::memory_order_relaxed);
  const int32_t empty = own.empty_slabs.load(std::memory_order_relaxed) - unreachable;
  if (empty <= keep) {
    if (unreachable > 0) is_paused(own);
    return;
  }
  sweep(cls, own, empty);
  arena().purge_above_bound();
}

// When there are hardly more objects than slabs of a large class.
void purge_scattered(ClassId cls) {
  constexpr int64_t kLarge = 64;  // slabs
  constexpr uint32_t kBudget = 64;
  const SlabClass& own = slab_class(cls);
  const int64_t slabs = own.slabs.load(std::memory_order_relaxed);
  if (slabs >= kLarge && objects_used(cls) <= 2 * slabs) slab_sweep(cls, kBudget, FreePages::kPurge);
}

// Blocks of the depot back to their slabs, until so many objects are, or there are no more.
void give_back_depot(ClassId cls, uint64_t objects, uint32_t most_blocks) {
  for (uint64_t given = 0; given < objects && most_blocks > 0; --most_blocks) {
    const uint32_t block = depot().take(cls);
    if (block == 0) return;
    given += blocks().count(block);
    empty_block(cls, block);
  }
}
// As many as there are now: others may put more there meanwhile, for ever.
void empty_depot(ClassId cls) {
  const int64_t objects = depot().of(cls).objects.load(std::memory_order_relaxed);
  give_back_depot(cls, objects > 0 ? static_cast<uint64_t>(objects) : 1, blocks().blocks_made());
}

void release_active(uint32_t slot, ClassId cls) {
  uint32_t unit = class_slot(slot, cls).active.load(std::memory_order_acquire);
  if (unit == 0) return;
  RESLAB_HOOK("release_active");
  if (!class_slot(slot, cls).active.compare_exchange_strong(unit, 0, std::memory_order_acq_rel)) return;
  slab_deactivate(unit, slab_identity(unit), slot);
}

// Empties the magazine of a class on the slot the thread is on, which may change on the way: then the rest is left.
// Ends: a magazine holds so many blocks, and what others push meanwhile waits for the next ebb.
void empty_magazine(uint32_t slot, ClassId cls) {
  const ClassInfo& info = class_info(cls);
  if (header_end(header_word(slot, cls).load(std::memory_order_relaxed)) == 0) return;
  set_warmth(slot, cls, 0);
  for (uint32_t left = info.magazine / kBlockObjects + 1; left > 0; --left) {
    const uint32_t block = blocks().take(cls, Contract::kPlain);
    if (block == 0) return;
    const uint32_t popped = magazine_pop_batch(cls, blocks().slots(block), kBlockObjects);
    blocks().set_count(block, popped);
    counters.add(Counter::kFrees, popped);
    empty_block(cls, block);
    if (popped < kBlockObjects) return;
  }
}

uint64_t used_bytes() {
  uint64_t bytes = 0;
  for (const ClassId cls : all_classes()) {
    const int64_t used = objects_used(cls);
    if (used > 0) bytes += static_cast<uint64_t>(used) * class_info(cls).object_bytes;
  }
  return bytes;
}

// See cache/tide.h.
void let_go(uint32_t slot) {
  for (const ClassId cls : all_classes()) {
    empty_magazine(slot, cls);
    release_active(slot, cls);
    empty_depot(cls);
    if (slab_class(cls).empty_slabs.load(std::memory_order_relaxed) > 0) slab_sweep_all(cls);
  }
  arena().purge_above_bound();
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
  if (!keep || !depot().put(cls, block)) empty_block(cls, block);
  if (sparse) {
    give_back_depot(cls, UINT64_MAX, 2);
    purge_scattered(cls);
    relist_lost_slabs(kLostLook);  // what a lost slab has free makes its class look sparse
  }
  const uint32_t idle = depot().age(cls);
  if (idle > 0) give_back_depot(cls, idle, kMostBlocksAged);
  give_back_empties(cls);
  if (tide.look_is_due()) {
    relist_lost_slabs(1);
    if (tide.falls_to(used_bytes())) let_go(slot);
  }
  return true;
}

bool free_one_bit(void* object) {
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

bool free_plain(ClassId cls, void* object) {
  const uint32_t slot = slot_index();
  if (!slots().make_ready(slot)) return free_one_bit(object);
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
    counters.add(Counter::kFrees);
    if (!slab_give_object(object)) report_double_free(object);
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

namespace {

void drain_visit(ClassId, void* object) {
  counters.add(Counter::kFrees);
  if (!slab_give_object(object)) report_double_free(object);
}

}  // namespace

namespace {
constinit std::atomic<uint64_t> depot_allowance{0};
}

bool cache_keeps(ClassId cls) {
  if (class_info(cls).object_bytes >= kLargeBytes || is_sparse(cls) || tide.is_ebbing()) return false;
  return !depot_is_full() || depot().bytes() <= options().depot_min + depot_allowance.load(std::memory_order_relaxed);
}

void cache_set_allowance(uint64_t bytes) {
  const uint64_t before = depot_allowance.exchange(bytes, std::memory_order_relaxed);
  if (bytes != 0 || before == 0) return;
  for (const ClassId cls : all_classes()) {
    if (!depot_is_full()) break;
    give_back_depot(cls, UINT64_MAX, kMostBlocksAged);
    give_back_empties(cls);
  }
}

// A block with little in it is not worth a place: whoever takes it comes back soon.
void cache_accept(ClassId cls, uint32_t block) {
  constexpr uint32_t kWorthwhile = kBlockObjects / 4;
  const bool keep = blocks().count(block) >= kWorthwhile && cache_keeps(cls);
  if (!keep || !depot().put(cls, block)) empty_block(cls, block);
}

void cache_settle(ClassId cls) {
  const uint32_t idle = depot().age(cls);
  if (idle > 0) give_back_depot(cls, idle, kMostBlocksAged);
  give_back_empties(cls);
}

void cache_drain_class(ClassId cls) {
  finish_abandoned_drain(drain_visit);
  drain_all_deferred();
  for (uint32_t slot = 0; slot < slots().count(); ++slot) {
    if (!slots().is_ready(slot)) continue;
    magazine_drain(slot, cls, drain_visit);
    release_active(slot, cls);
  }
  relist_lost_slabs(arena().frontier());
  empty_depot(cls);
  slab_sweep_all(cls);
}

void cache_drain_all() {
  finish_abandoned_drain(drain_visit);
  drain_all_deferred();
  for (uint32_t slot = 0; slot < slots().count(); ++slot) {
    if (!slots().is_ready(slot)) continue;
    for (const ClassId cls : all_classes()) {
      magazine_drain(slot, cls, drain_visit);
      release_active(slot, cls);
    }
  }
  relist_lost_slabs(arena().frontier());
  for (const ClassId cls : all_classes()) {
    empty_depot(cls);
    slab_sweep_all(cls);
  }
}

}  // namespace reslab
