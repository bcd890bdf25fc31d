// SPDX-License-Identifier: Apache-2.0
// Allocation when the magazine has nothing: refill, then other buckets, then one bit.

#include "base/counters.h"
#include "base/for_tries.h"
#include "base/hooks.h"
#include "base/options.h"
#include "cache/active_slab.h"
#include "cache/block.h"
#include "cache/cache.h"
#include "cache/cpu_state.h"
#include "cache/depot.h"
#include "cache/give_back.h"
#include "cache/magazine.h"
#include "cache/placement.h"
#include "cache/policy.h"
#include "cache/tide.h"
#include "platform/topology.h"
#include "slab/slab.h"

namespace reslab {
namespace {

constexpr int kPartialTries = 4;           // partial slabs looked at in one refill
constexpr uint32_t kDeferredBudget = 256;  // objects moved in one refill

void count_route(Contract contract, Counter route) {
  if (contract != Contract::kPlain) counters.add(route);
}

// One object of the block is the result; the others go into the magazine of whatever slot the thread is on now, what
// does not fit into the depot. The block is used up.
void* distribute(ClassId cls, uint32_t block) {
  BlockPool& pool = blocks();
  void** objects = pool.slots(block);
  const uint32_t rest = pool.count(block) - 1u;
  pool.set_count(block, 0);  // before they enter their new home
  RESLAB_HOOK("distribute");
  if (places_at_random()) shuffle(objects, rest + 1);
  void* result = objects[rest];
  const uint32_t pushed = magazine_push_batch(cls, objects, rest);
  if (pushed == rest) {
    pool.recycle(block);
    return result;
  }
  for (uint32_t i = pushed; i < rest; ++i) objects[i - pushed] = objects[i];
  pool.set_count(block, rest - pushed);
  if (!depot().put(cls, node_of_slot(slot_index()), block)) give_back_block(cls, block);
  return result;
}

// Objects of one slab into a block in hand; how many it holds now.
uint32_t gather_from(uint32_t unit, SlabIdentity identity, uint32_t block, uint32_t want) {
  const uint32_t have = blocks().count(block);
  if (places_at_random()) search_anywhere(unit, identity.cls);
  return have + slab_take(unit, identity, blocks().slots(block) + have, want - have, &blocks().header(block).count);
}

// The active slab has no free bits left: it is deactivated, and this is the point where the deferred frees of the CPU
// are flushed: a natural pause. `cls` is whose active slab it was seen as; by now the unit may be anything.
void retire_active(uint32_t slot, ClassId cls, uint32_t unit) {
  RESLAB_HOOK("retire_active");
  if (!remove_active(slot, cls, unit)) return;
  counters.add(Counter::kDeactivations);
  drain_deferred(slot, kDeferredBudget);
}

uint32_t gather_from_active(uint32_t slot, ClassId cls, uint32_t block, uint32_t want) {
  const uint32_t unit = class_slot(slot, cls).active.load(std::memory_order_acquire);
  if (unit == 0) return 0;
  RESLAB_HOOK("active_seen");
  const SlabIdentity identity = slab_identity(unit);
  if (identity.cls == cls && gather_from(unit, identity, block, want) == want) return want;
  retire_active(slot, cls, unit);
  return blocks().count(block);
}

// A slab the caller has popped or made. Active first, so that surplus bits do not put it on the partial list meanwhile.
// Of a class without a magazine it stays on the list: an active slab is not given back when its objects are.
// It may be somebody else's by now: `identity` is what it was.
uint32_t gather_from_own(uint32_t slot, uint32_t unit, SlabIdentity identity, uint32_t block, uint32_t want) {
  if (capacity_now(slot, identity.cls) == 0) {
    const uint32_t have = gather_from(unit, identity, block, want);
    slab_let_go(unit, identity);
    return have;
  }
  install_active(slot, unit, identity);
  const uint32_t have = gather_from(unit, identity, block, want);
  if (have < want) retire_active(slot, identity.cls, unit);
  return have;
}

uint32_t gather_from_partial(uint32_t slot, ClassId cls, uint32_t node, uint32_t block, uint32_t want) {
  uint32_t have = blocks().count(block);
  for ([[maybe_unused]] int round : for_tries(kPartialTries)) {
    SlabIdentity identity;
    const uint32_t unit = have < want ? slab_pop_partial(cls, node, &identity) : 0;
    if (unit == 0) break;
    have = gather_from_own(slot, unit, identity, block, want);
  }
  return have;
}

uint32_t gather_from_new(uint32_t slot, ClassId cls, uint32_t block, uint32_t want, Contract contract) {
  SlabIdentity identity;
  const uint32_t unit = slab_create(cls, node_of_slot(slot), contract, &identity);
  if (unit == 0) return blocks().count(block);
  tide.rise();
  return gather_from_own(slot, unit, identity, block, want);
}

// Before nothing is had: what other nodes have. Their partial slabs; blocks of theirs are the caller's to take.
uint32_t gather_from_other_nodes(uint32_t slot, ClassId cls, uint32_t block, uint32_t want) {
  const uint32_t own = node_of_slot(slot);
  uint32_t have = 0;
  for (uint32_t node = 0; node < node_count() && have == 0; ++node) {
    if (node != own) have = gather_from_partial(slot, cls, node, block, want);
  }
  return have;
}

// Deferred frees of the other CPUs, which nobody may be serving (16a). In turns, so that the steps of one call do not grow
// with the machine.
bool steal_deferred(uint32_t own_slot) {
  constexpr int kSlotsLookedAt = 64;
  static constinit std::atomic<uint32_t> next{0};
  const uint32_t count = slots().count();
  for ([[maybe_unused]] int round :
       for_tries(kSlotsLookedAt < static_cast<int>(count) ? kSlotsLookedAt : static_cast<int>(count))) {
    const uint32_t slot = next.fetch_add(1, std::memory_order_relaxed) % count;  // relaxed: only spreads
    if (slot == own_slot || !slots().is_ready(slot) || cpu_state(slot).deferred.length() == 0) continue;
    if (drain_deferred(slot, kDeferredBudget) > 0) return true;
  }
  return false;
}

// From slabs, under the local lock where it can be had. `locked` is only a route: without the lock the active slab is
// left to its holder.
uint32_t gather(uint32_t slot, ClassId cls, uint32_t block, uint32_t want, Contract contract) {
  ClassSlot& own = class_slot(slot, cls);
  const uint32_t node = node_of_slot(slot);
  uint64_t word;
  const LockOutcome outcome = own.lock.try_lock(word, static_cast<LocalLockOption>(options().local_lock));
  if (outcome == LockOutcome::kBusySelf) counters.add(Counter::kLocalLockBusySelf);
  if (outcome == LockOutcome::kBusyOther) counters.add(Counter::kLocalLockBusyOther);
  if (outcome != LockOutcome::kTaken && contract != Contract::kPlain) return 0;

  Counter route = Counter::kNolockFromActive;
  uint32_t have = outcome == LockOutcome::kTaken ? gather_from_active(slot, cls, block, want) : 0;
  if (have == 0) {
    route = Counter::kNolockFromPartial;
    have = gather_from_partial(slot, cls, node, block, want);
  }
  if (have == 0 && steal_deferred(slot)) {
    route = Counter::kNolockFromDeferred;
    have = gather_from_partial(slot, cls, node, block, want);
  }
  if (outcome == LockOutcome::kTaken) own.lock.unlock(word);  // never across a kernel entry
  if (have == 0) {
    route = Counter::kNolockFromNewSlab;
    have = gather_from_new(slot, cls, block, want, contract);
  }
  if (have == 0 && node_count() > 1) {
    route = Counter::kNolockFromPartial;
    have = gather_from_other_nodes(slot, cls, block, want);
  }
  if (have != 0) count_route(contract, route);
  return have;
}

void* refill(ClassId cls, Contract contract) {
  const uint32_t slot = slot_index();
  if (!slots().is_ready(slot) && !(may_enter_kernel(contract) && slots().make_ready(slot))) return nullptr;
  magazine_open(slot, cls);
  counters.add(Counter::kRefills);
  RESLAB_HOOK("refill");
  if (contract == Contract::kPlain) arena().keep_ready();
  if (cpu_state(slot).deferred.length() > 0) drain_deferred(slot, kDeferredBudget);
  grow_magazine(slot, cls, Cause::kMiss);
  tide.note_refill();

  uint32_t block = depot().take(cls, node_of_slot(slot));
  if (block != 0) {
    count_route(contract, Counter::kNolockFromDepot);
  } else {
    block = blocks().take(cls, contract);
    if (block == 0) return nullptr;
    if (gather(slot, cls, block, refill_size(slot, cls), contract) == 0) {
      blocks().recycle(block);
      block = node_count() > 1 ? depot().take_any(cls) : 0;
      if (block == 0) return nullptr;
      count_route(contract, Counter::kNolockFromDepot);
    }
  }
  counters.add(Counter::kAllocs, blocks().count(block));
  return distribute(cls, block);
}

// "Retry a different bucket". What is looked at when sizes are checked goes by the same rule (heap_check_size).
void* from_other_buckets(ClassId cls) {
  int left = kStandIns;
  for (ClassId other = next_bucket(cls, cls); other != kNoClass && left > 0; other = next_bucket(cls, other), --left) {
    const PopResult result = magazine_pop(other);
    if (result.section == Section::kDone) {
      counters.add(Counter::kNolockRetries);
      return result.object;
    }
  }
  return nullptr;
}

// By one bit, from the slab that was seen there.
void* single_object_of(uint32_t unit, ClassId cls) {
  if (unit == 0) return nullptr;
  RESLAB_HOOK("single_seen");
  const SlabIdentity identity = slab_identity(unit);
  return identity.cls == cls ? slab_take_one(unit, identity) : nullptr;
}

// One object from any slab of the class that can be seen: an active one, or the first partial one, left where it is.
void* single_object(ClassId cls, Contract contract) {
  const uint32_t slot = slot_index();
  const uint32_t own = node_of_slot(slot);
  const uint32_t active = slots().is_ready(slot) ? class_slot(slot, cls).active.load(std::memory_order_acquire) : 0;
  void* seen = single_object_of(active, cls);
  if (seen == nullptr) seen = cache_alloc_on_node(cls, own);
  for (uint32_t node = 0; node < node_count() && seen == nullptr; ++node) {
    if (node != own) seen = cache_alloc_on_node(cls, node);
  }
  if (seen != nullptr) return seen;
  for ([[maybe_unused]] int round : for_tries(kPartialTries)) {
    SlabIdentity identity;
    const uint32_t unit = slab_create(cls, own, contract, &identity);
    if (unit == 0) return nullptr;
    void* object = slab_take_one(unit, identity);
    slab_relist(unit, identity);
    if (object != nullptr) return object;  // else a trim has found the slab, and retired it as an empty one
  }
  return nullptr;
}

}  // namespace

void* cache_alloc_on_node(ClassId cls, uint32_t node) {
  for (const TaggedStack& list : slab_lists(cls, node).partial) {
    void* object = single_object_of(list.peek(), cls);
    if (object != nullptr) return object;
  }
  return nullptr;
}

void* cache_alloc_slow(ClassId cls, Contract contract, Retry retry) {
  bool restarts_left = false;
  for ([[maybe_unused]] int round : for_tries(kRestarts)) {
    const PopResult result = magazine_pop(cls);
    if (result.section == Section::kDone) {
      count_route(contract, Counter::kNolockFromMagazine);
      return result.object;
    }
    restarts_left = result.section == Section::kBoundary;
    if (result.section != Section::kAborted) break;
  }
  if (restarts_left) {
    void* object = refill(cls, contract);
    if (object != nullptr) return object;
    if (retry == Retry::kOtherBuckets && contract != Contract::kPlain) {
      object = from_other_buckets(cls);
      if (object != nullptr) return object;
    }
  } else {
    counters.add(Counter::kRestartsExhausted);
  }
  void* object = single_object(cls, contract);
  if (object != nullptr) {
    counters.add(Counter::kAllocs);
    counters.add(Counter::kSingleBitAllocs);
  }
  return object;
}

}  // namespace reslab
