// SPDX-License-Identifier: Apache-2.0
// Which slabs have free objects: the partial lists of the classes, the active slabs, and the sweeps for empty ones.
#include "base/for_tries.h"
#include "base/hooks.h"
#include "platform/topology.h"
#include "slab/inner.h"

namespace reslab {
namespace {

std::atomic<uint32_t>& next_of(uint32_t unit) { return slab_at(unit).next; }

bool has_free_bits(uint32_t unit, const ClassInfo& info) {
  const std::atomic<uint64_t>* bits = slab_bits(unit, info);
  for (uint32_t word = 0; word < info.words; ++word) {
    // seq_cst: against slab_give, see there.
    if (bits[word].load(std::memory_order_seq_cst) != 0) return true;
  }
  return false;
}

// Of one node. False: its list was walked to its end before the budget was.
bool sweep_lists(ClassId cls, SlabLists& owner, uint32_t& budget, FreePages pages, uint32_t& retired) {
  const uint32_t from = owner.current.load(std::memory_order_relaxed) & 1;
  for (; budget > 0; --budget) {
    const uint32_t unit = owner.partial[from].pop(next_of);
    if (unit == 0) {
      owner.current.store(from ^ 1, std::memory_order_relaxed);  // walked to its end: the other list has them all
      return false;
    }
    RESLAB_HOOK("slab_sweep");
    Slab& slab = slab_at(unit);
    const SlabIdentity seen = slab_identity(unit);
    if (slab.free_hint.load(std::memory_order_relaxed) >= static_cast<int32_t>(class_info(cls).capacity)) {
      slab.state.fetch_and(~uint64_t{kSlabListed}, std::memory_order_seq_cst);
      retired += slab_retire(unit, seen) ? 1 : 0;
      continue;
    }
    if (pages == FreePages::kPurge) slab_purge_pages(unit, seen);
    if (!owner.partial[from ^ 1].push(unit, next_of)) {
      // Still marked as listed, on no list: unmark it, so that a free or a sweep lists it again.
      slab.state.fetch_and(~uint64_t{kSlabListed}, std::memory_order_seq_cst);
      slab_relist(unit, seen);
    }
  }
  return true;
}

}  // namespace

uint32_t slab_pop_partial(ClassId cls, uint32_t node, SlabIdentity* popped) {
  SlabLists& owner = slab_lists(cls, node);
  const uint32_t current = owner.current.load(std::memory_order_relaxed) & 1;
  uint32_t unit = owner.partial[current].pop(next_of);
  if (unit == 0) unit = owner.partial[current ^ 1].pop(next_of);
  if (unit == 0) return 0;
  if (popped != nullptr) *popped = slab_identity(unit);  // nobody retires what is marked as listed and popped by us
  RESLAB_HOOK("slab_popped");
  slab_at(unit).state.fetch_and(~uint64_t{kSlabListed}, std::memory_order_seq_cst);  // only a popper does
  RESLAB_HOOK("slab_pop_unlisted");
  return unit;
}

void slab_relist(uint32_t unit, SlabIdentity seen) {
  Slab& slab = slab_at(unit);
  uint64_t state = slab.state.load(std::memory_order_seq_cst);
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    if (!(identity_of(state) == seen) || (flags_of(state) & (kSlabActive | kSlabListed)) != 0) return;
    RESLAB_HOOK("slab_relist");
    if (!slab.state.compare_exchange_weak(state, state | kSlabListed, std::memory_order_seq_cst)) continue;
    RESLAB_HOOK("slab_listed");
    SlabLists& owner = slab_lists(seen.cls, slab.node.load(std::memory_order_relaxed));
    if (owner.partial[owner.current.load(std::memory_order_relaxed) & 1].push(unit, next_of)) return;
    slab.state.fetch_and(~uint64_t{kSlabListed}, std::memory_order_seq_cst);  // not pushed: a sweep will find it
    return;
  }
}

bool slab_activate(uint32_t unit, SlabIdentity seen, uint32_t slot) {
  uint64_t expected = slab_state(seen.generation, seen.cls, 0);
  RESLAB_HOOK("slab_activate");
  return slab_at(unit).state.compare_exchange_strong(expected, expected | active_in(slot), std::memory_order_seq_cst);
}

bool slab_is_active(uint32_t unit, SlabIdentity seen, uint32_t slot) {
  return slab_at(unit).state.load(std::memory_order_seq_cst) == slab_state(seen.generation, seen.cls, active_in(slot));
}

void slab_deactivate(uint32_t unit, SlabIdentity seen, uint32_t slot) {
  uint64_t active = slab_state(seen.generation, seen.cls, active_in(slot));
  RESLAB_HOOK("slab_deactivate");
  if (!slab_at(unit).state.compare_exchange_strong(active, slab_state(seen.generation, seen.cls, 0),
                                                   std::memory_order_seq_cst)) {
    return;
  }
  RESLAB_HOOK("slab_deactivated");
  slab_let_go(unit, seen);
}

// The flag of the former state is cleared before this, the bits are read after: see slab_give.
void slab_let_go(uint32_t unit, SlabIdentity seen) {
  if (has_free_bits(unit, class_info(seen.cls))) slab_relist(unit, seen);
}

// Node by node, each search where the last one ended.
uint32_t slab_sweep(ClassId cls, uint32_t budget, FreePages pages) {
  const uint32_t nodes = node_count();
  std::atomic<uint32_t>& next = slab_class(cls).sweep_node;
  uint32_t node = next.load(std::memory_order_relaxed);  // relaxed: a hint
  uint32_t retired = 0;
  for (uint32_t seen = 0; seen < nodes && budget > 0; ++seen) {
    if (sweep_lists(cls, slab_lists(cls, node), budget, pages, retired)) break;
    node = node + 1 < nodes ? node + 1 : 0;
  }
  next.store(node, std::memory_order_relaxed);
  return retired;
}

// Each list is walked to its end once: as many pops as there are slabs.
uint32_t slab_sweep_all(ClassId cls) {
  const uint32_t slabs = slab_class(cls).slabs.load(std::memory_order_relaxed);
  const uint32_t retired = slab_sweep(cls, slabs + 1);
  return retired + slab_sweep(cls, slabs + 1);
}

void slab_reclaim_all_empty() {
  for (const ClassId cls : all_classes()) {
    if (slab_class(cls).empty_slabs.load(std::memory_order_relaxed) > 0) slab_sweep_all(cls);
  }
}

uint32_t slab_reclaim_empty() {
  constexpr int kClasses = 2;      // searched at most
  constexpr uint32_t kSlabs = 32;  // looked at in each
  static constinit std::atomic<uint32_t> last_class{1};
  uint32_t cls = last_class.load(std::memory_order_relaxed);  // relaxed: where to begin, no more
  uint32_t retired = 0;
  int left = kClasses;
  const ClassId end = class_table().end();
  for (uint32_t seen = 1; seen < end && left > 0; ++seen) {
    cls = cls + 1 < end ? cls + 1 : 1;
    // A type-safe slab's end begins a grace period, which not every caller may.
    if (!is_slab_class(cls) || class_info(cls).is(kTypeSafe)) continue;
    if (slab_class(cls).empty_slabs.load(std::memory_order_relaxed) <= 1) continue;
    --left;
    retired += slab_sweep(cls, kSlabs);
  }
  last_class.store(cls, std::memory_order_relaxed);
  return retired;
}

}  // namespace reslab
