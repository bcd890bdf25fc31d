// SPDX-License-Identifier: Apache-2.0
#include "slab/slab.h"

#include "base/counters.h"
#include "base/for_tries.h"
#include "base/hooks.h"
#include "platform/topology.h"
#include "slab/class_table.h"
#include "slab/hard_limit.h"
#include "slab/inner.h"
#include "slab/retired.h"

namespace reslab {

constinit std::atomic<SlabClass*> published_slab_classes{nullptr};
constinit std::atomic<SlabLists*> published_slab_lists{nullptr};

namespace {

constexpr int kReclaims = 4;  // searches for empty slabs before the arena grows

// The unit map: written by whoever holds the units, read by every free.
void map_units(uint32_t unit, uint32_t count, ClassId cls) {
  uint16_t* entry = arena().window().class_of + unit;
  const ClassId mapped = mapped_class(cls);
  // relaxed: the objects reach other threads through something that orders this before their frees.
  for (uint32_t i = 0; i < count; ++i) __atomic_store_n(&entry[i], unit_entry(mapped, i), __ATOMIC_RELAXED);
}

void unmap_units(uint32_t unit, uint32_t count) {
  uint16_t* entry = arena().window().class_of + unit;
  for (uint32_t i = 0; i < count; ++i) __atomic_store_n(&entry[i], uint16_t{0}, __ATOMIC_RELAXED);
}

uint64_t all_bits(const ClassInfo& info, uint32_t word) {
  const uint32_t left = info.capacity - word * 64;
  return left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
}

// Before anybody can find the slab: constructors run, and no object is charged to anybody.
void prepare_objects(const UnitRun& run, ClassId cls, const ClassInfo& info) {
  if (info.is(kCharged) && !run.zero) {
    for (uint32_t i = 0; i < info.capacity; ++i) charge_tags(run.first, info)[i].store(0, std::memory_order_relaxed);
  }
  if (!info.is(kConstructed)) return;
  const auto construct = class_table().constructor(cls);
  char* first = unit_address(run.first);
  for (uint32_t i = 0; i < info.capacity; ++i) construct(first + size_t{i} * info.object_bytes);
}

// Of a type-safe slab all of whose bits the caller holds: has a grace period ended since it was first found so? Whoever
// takes an object from it says that it must be waited for anew.
bool has_outlived_readers(Slab& slab) {
  const RcuClient* client = rcu_client.load(std::memory_order_acquire);
  if (client == nullptr) return true;  // a child without libreslab-rcu's threads has no readers but this thread
  const uint64_t begun = slab.grace_period.load(std::memory_order_relaxed);
  if (begun != 0) return client->gp_poll(begun - 1);
  slab.grace_period.store(client->gp_start() + 1, std::memory_order_relaxed);
  return false;
}

uint32_t count_free(uint32_t unit, const ClassInfo& info) {
  uint32_t free = 0;
  for (uint32_t word = 0; word < info.words; ++word) {
    free += static_cast<uint32_t>(__builtin_popcountll(slab_bits(unit, info)[word].load(std::memory_order_acquire)));
  }
  return free;
}

}  // namespace

ObjectPlace charged_place(const ObjectPlace& place) {
  const ClassId cls = slab_identity(place.unit).cls;  // of a pointer that is no live object: whatever is there
  return {class_table().is_ready(cls) ? cls : kNoClass, place.unit, place.offset};
}

ObjectPlace place_of(const void* p) { return place_in(arena().window(), p); }

UnitRun slab_claim_units(uint32_t count, uint32_t align, Contract contract) {
  for ([[maybe_unused]] int round : for_tries(kReclaims)) {
    if (has_room(count)) {
      const auto claim = [&] { return arena().claim_free(count, align, contract); };
      const UnitRun run = claim_below_limit(count, contract, claim);
      if (run.first != 0) return run;
    }
    if (slab_reclaim_empty() == 0) break;
  }
  if (!make_room(count, contract)) return kNoUnits;
  return claim_below_limit(count, contract, [&] { return arena().claim(count, align, contract); });
}

uint32_t slab_create(ClassId cls, uint32_t node, Contract contract, SlabIdentity* made) {
  const ClassInfo& info = class_info(cls);
  if (info.is(kConstructed) && contract != Contract::kPlain) return 0;  // a constructor is the program's code (P3)
  const UnitRun run = slab_claim_units(info.slab_units, 1, contract);
  if (run.first == 0) return 0;
  prepare_objects(run, cls, info);
  Slab& slab = slab_at(run.first);
  const uint32_t generation = slab_identity(run.first).generation;
  slab.run_units.store(0, std::memory_order_relaxed);
  slab.free_hint.store(static_cast<int32_t>(info.capacity), std::memory_order_relaxed);
  slab.search_from.store(0, std::memory_order_relaxed);
  slab.free_when_purged.store(0, std::memory_order_relaxed);
  slab.grace_period.store(0, std::memory_order_relaxed);
  slab.node.store(arena().settle_node(run, node), std::memory_order_relaxed);
  if (retiring_in_use.load(std::memory_order_relaxed)) touch_retired_bits(run.first, cls);  // no fault later (12)
  RESLAB_HOOK("slab_create");
  // Before anybody can find it: a class that counts none has none (objects/typed_cache.cc). Who never comes back from here
  // makes it one too many, and the class stays.
  SlabClass& owner = slab_class(cls);
  owner.slabs.fetch_add(1, std::memory_order_relaxed);
  // release: the fields above; a claimer that reads this state sees them.
  slab.state.store(slab_state(generation, cls, 0), std::memory_order_release);
  if (made != nullptr) *made = {generation, cls};
  map_units(run.first, info.slab_units, cls);
  RESLAB_HOOK("slab_described");
  // release: whoever gets an object through a bit sees the unit map.
  std::atomic<uint64_t>* bits = slab_bits(run.first, info);
  for (uint32_t word = 0; word < info.words; ++word)
    bits[word].fetch_or(all_bits(info, word), std::memory_order_release);
  RESLAB_HOOK("slab_filled");
  owner.empty_slabs.fetch_add(1, std::memory_order_relaxed);
  owner.capacity_objects.fetch_add(info.capacity, std::memory_order_relaxed);
  owner.free_objects.fetch_add(info.capacity, std::memory_order_relaxed);
  return run.first;
}

bool slab_retire(uint32_t unit, SlabIdentity seen) {
  ClassInfo info;
  if (!slab_copy_info(unit, seen, info)) return false;
  Slab& slab = slab_at(unit);
  SlabClass& owner = slab_class(seen.cls);
  std::atomic<uint64_t>* bits = slab_bits(unit, info);
  RESLAB_HOOK("slab_unlisted");
  // To the first word that has not all its bits: what has to go back then is known, and needs no half KiB of the stack
  // that a nolock call may have.
  uint32_t whole = 0;
  uint64_t rest = 0;
  for (; whole < info.words; ++whole) {
    rest = bits[whole].exchange(0, std::memory_order_seq_cst);
    if (rest != all_bits(info, whole)) break;
  }
  RESLAB_HOOK("slab_retire");
  const bool may_go = whole == info.words && (!info.is(kTypeSafe) || has_outlived_readers(slab));
  uint64_t expected = slab_state(seen.generation, seen.cls, 0);
  const uint64_t retired = slab_state(seen.generation + 1, kNoClass, 0);
  // acq_rel: whoever sees the new generation also sees that the words were 0.
  if (may_go && slab.state.compare_exchange_strong(expected, retired, std::memory_order_acq_rel)) {
    RESLAB_HOOK("slab_retired");
    unmap_units(unit, info.slab_units);
    owner.empty_slabs.fetch_sub(1, std::memory_order_relaxed);
    owner.capacity_objects.fetch_sub(info.capacity, std::memory_order_relaxed);
    owner.free_objects.fetch_sub(info.capacity, std::memory_order_relaxed);
    // release, and last of these: with its last slab a class may go, and its counts be another's.
    owner.slabs.fetch_sub(1, std::memory_order_release);
    arena().release(unit, info.slab_units, Arena::Content::kDirty);
    return true;
  }
  // Also where nothing was taken: free bits that nobody counts are what the slab has to be listed for. seq_cst: against
  // slab_give, see there.
  for (uint32_t word = 0; word < info.words; ++word) {
    const uint64_t held = word < whole ? all_bits(info, word) : word == whole ? rest : 0;
    if (held != 0 || bits[word].load(std::memory_order_seq_cst) != 0) slab_put_back(unit, bits[word], held);
  }
  return false;
}

void slab_settle(uint32_t unit) {
  Slab& slab = slab_at(unit);
  const SlabIdentity identity = slab_identity(unit);
  const ClassInfo& info = class_info(identity.cls);
  const auto capacity = static_cast<int32_t>(info.capacity);
  auto free = static_cast<int32_t>(count_free(unit, info));
  // The hint runs ahead of the bits only for what threads that are gone had in their hands. If it says that all objects
  // are free, the slab was being made or retired, and none of them is anybody's.
  const int32_t counted = slab.free_hint.load(std::memory_order_relaxed);
  if (counted == capacity && free < capacity) {
    for (uint32_t word = 0; word < info.words; ++word) {
      slab_bits(unit, info)[word].store(all_bits(info, word), std::memory_order_relaxed);
    }
    free = capacity;
  } else if (counted > free) {
    counters.add(Counter::kForkLostObjects, static_cast<uint64_t>(counted - free));
  }
  SlabClass& owner = slab_class(identity.cls);
  slab.free_hint.store(free, std::memory_order_relaxed);
  owner.slabs.fetch_add(1, std::memory_order_relaxed);
  owner.capacity_objects.fetch_add(info.capacity, std::memory_order_relaxed);
  owner.free_objects.fetch_add(free, std::memory_order_relaxed);
  if (free == capacity) owner.empty_slabs.fetch_add(1, std::memory_order_relaxed);
  map_units(unit, info.slab_units, identity.cls);
  slab.state.store(slab_state(identity.generation, identity.cls, 0), std::memory_order_relaxed);
  if (free > 0) slab_relist(unit, identity);
}

void slab_unmap_unit(uint32_t unit) { unmap_units(unit, 1); }

void slab_forget_class(ClassId cls) {
  SlabClass& owner = slab_class(cls);
  for (uint32_t node = 0; node < node_count(); ++node) {
    for (TaggedStack& list : slab_lists(cls, node).partial) list.reset();
  }
  owner.slabs.store(0, std::memory_order_relaxed);
  owner.capacity_objects.store(0, std::memory_order_relaxed);
  owner.free_objects.store(0, std::memory_order_relaxed);
  owner.empty_slabs.store(0, std::memory_order_relaxed);
}

}  // namespace reslab
