#include "slab/slab.h"

#include "base/counters.h"
#include "base/for_tries.h"
#include "base/hooks.h"
#include "base/report.h"
#include "slab/class_table.h"
#include "slab/retired.h"

namespace reslab {

constinit std::atomic<SlabClass*> published_slab_classes{nullptr};

namespace {

constexpr int kReclaims = 4;  // searches for empty slabs before the arena grows

std::atomic<uint32_t>& next_of(uint32_t unit) { return slab_at(unit).next; }

// The unit map: written by whoever holds the units, read by every free.
void map_units(uint32_t unit, uint32_t count, ClassId cls) {
  uint16_t* entry = arena().window().class_of + unit;
  for (uint32_t i = 0; i < count; ++i) {
    // relaxed: the objects reach other threads through something that orders this before their frees.
    __atomic_store_n(&entry[i], cls == kNoClass ? uint16_t{0} : unit_entry(mapped_class(cls), i), __ATOMIC_RELAXED);
  }
}

uint64_t all_bits(const ClassInfo& info, uint32_t word) {
  const uint32_t left = info.capacity - word * 64;
  return left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
}

// Keeps the hints: before `n` bits come (n > 0), after they went (n < 0). In this order, whoever holds all bits of a slab
// knows that nobody is still about to count: a late count would hit the unit's next slab.
void note_free(Slab& slab, SlabClass& cls, const ClassInfo& info, int32_t n) {
  const int32_t before = slab.free_hint.fetch_add(n, std::memory_order_relaxed);
  const auto capacity = static_cast<int32_t>(info.capacity);
  if (before == capacity) cls.empty_slabs.fetch_sub(1, std::memory_order_relaxed);
  if (before + n == capacity) cls.empty_slabs.fetch_add(1, std::memory_order_relaxed);
  cls.free_objects.fetch_add(n, std::memory_order_relaxed);
}

// Bits that were never counted as taken go back: no hint changes, but the slab may have lost its list place meanwhile.
void put_back(uint32_t unit, std::atomic<uint64_t>& word, uint64_t bits) {
  word.fetch_or(bits, std::memory_order_seq_cst);
  RESLAB_HOOK("slab_put_back");
  const uint64_t state = slab_at(unit).state.load(std::memory_order_seq_cst);
  const bool described = identity_of(state).cls != kNoClass;
  if (described && (flags_of(state) & (kSlabActive | kSlabListed)) == 0) slab_relist(unit, identity_of(state));
}

// Of a block in this thread's hand. After the hints: what a block counts is counted as taken, or a recovery that gives it
// back would find more free objects than there are. release: who sees the count sees the objects it covers.
void raise(std::atomic<uint16_t>& count, uint32_t n) {
  const uint32_t so_far = count.load(std::memory_order_relaxed) + n;
  count.store(static_cast<uint16_t>(so_far), std::memory_order_release);
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

// What the class of a slab is, for those who may come late: a class made at run time can have gone with its last slab, and
// its id be another kind's, which changes what class_info() refers to under their hands. False: the slab is another by now.
bool copy_info(uint32_t unit, SlabIdentity seen, ClassInfo& info) {
  info = class_info(seen.cls);
  // The slab is there still, so its class was while we copied. Behind that we touch words of this unit alone, by the shape
  // that they had; what they hold says whose they are (6c).
  std::atomic_thread_fence(std::memory_order_acquire);
  return identity_of(slab_at(unit).state.load(std::memory_order_acquire)) == seen;
}

uint32_t count_free(uint32_t unit, const ClassInfo& info) {
  uint32_t free = 0;
  for (uint32_t word = 0; word < info.words; ++word) {
    free += static_cast<uint32_t>(__builtin_popcountll(slab_bits(unit, info)[word].load(std::memory_order_acquire)));
  }
  return free;
}

bool has_free_bits(uint32_t unit, const ClassInfo& info) {
  const std::atomic<uint64_t>* bits = slab_bits(unit, info);
  for (uint32_t word = 0; word < info.words; ++word) {
    // seq_cst: against slab_give, see there.
    if (bits[word].load(std::memory_order_seq_cst) != 0) return true;
  }
  return false;
}

}  // namespace

ObjectPlace place_of(const void* p) {
  const uint32_t unit = unit_of(p);
  if (unit == 0) return {kNoClass, 0, 0};
  const uint16_t entry = __atomic_load_n(&arena().window().class_of[unit], __ATOMIC_RELAXED);
  const uint32_t first = unit - entry_place(entry);
  const size_t offset = static_cast<size_t>(static_cast<const char*>(p) - unit_address(first));
  if (__builtin_expect(entry_class(entry) != kChargedClass, 1)) return {entry_class(entry), first, offset};
  const ClassId cls = slab_identity(first).cls;  // of a pointer that is no live object: whatever is there
  return {is_slab_class(cls) ? cls : kNoClass, first, offset};
}

// Gives back empty slabs of classes that have several. Takes turns among them, so that none is searched in vain again
// and again. How many it gave back.
uint32_t reclaim_empty_slabs() {
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

UnitRun slab_claim_units(uint32_t count, uint32_t align, Contract contract) {
  for ([[maybe_unused]] int round : for_tries(kReclaims)) {
    const UnitRun run = arena().claim_free(count, align, contract);
    if (run.first != 0) return run;
    if (reclaim_empty_slabs() == 0) break;
  }
  return arena().claim(count, align, contract);
}

uint32_t slab_create(ClassId cls, Contract contract, SlabIdentity* made) {
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
  slab.pages_purged.store(0, std::memory_order_relaxed);
  slab.grace_period.store(0, std::memory_order_relaxed);
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

uint32_t slab_take(uint32_t unit, SlabIdentity seen, void** out, uint32_t want, std::atomic<uint16_t>* count) {
  ClassInfo info;
  if (!copy_info(unit, seen, info)) return 0;
  Slab& slab = slab_at(unit);
  std::atomic<uint64_t>* bits = slab_bits(unit, info);
  char* base = unit_address(unit);
  uint32_t word = slab.search_from.load(std::memory_order_relaxed);
  if (word >= info.words) word = 0;
  uint32_t got = 0;
  for (uint32_t left = info.words; left > 0 && got < want; --left) {
    if (bits[word].load(std::memory_order_relaxed) != 0) {
      RESLAB_HOOK("slab_take");
      // acquire: pairs with the give that set the bits; the former user's stores are before ours.
      uint64_t taken = bits[word].exchange(0, std::memory_order_acq_rel);
      RESLAB_HOOK("slab_exchanged");
      if (!(slab_identity(unit) == seen)) {  // (6c)
        if (taken != 0) put_back(unit, bits[word], taken);
        break;
      }
      if (taken != 0) slab.grace_period.store(0, std::memory_order_relaxed);  // before anybody has the objects
      const uint32_t first_got = got;
      while (taken != 0 && got < want) {
        const auto index = static_cast<size_t>(word * 64 + static_cast<uint32_t>(__builtin_ctzll(taken)));
        out[got++] = base + index * info.object_bytes;
        taken &= taken - 1;
      }
      RESLAB_HOOK("slab_taken");
      if (got != first_got) {
        note_free(slab, slab_class(seen.cls), info, -static_cast<int32_t>(got - first_got));
        if (count != nullptr) raise(*count, got - first_got);
      }
      if (taken != 0) put_back(unit, bits[word], taken);  // more than wanted: as if never taken
    }
    if (got < want) word = word + 1 == info.words ? 0 : word + 1;
  }
  slab.search_from.store(word, std::memory_order_relaxed);
  slab.pages_purged.store(0, std::memory_order_relaxed);
  return got;
}

void* slab_take_one(uint32_t unit, SlabIdentity seen) {
  ClassInfo info;
  if (!copy_info(unit, seen, info)) return nullptr;
  std::atomic<uint64_t>* bits = slab_bits(unit, info);
  for (uint32_t word = 0; word < info.words; ++word) {
    uint64_t free = bits[word].load(std::memory_order_relaxed);
    for ([[maybe_unused]] int round : for_tries(kCasTries)) {
      if (free == 0) break;
      const uint64_t bit = free & -free;
      RESLAB_HOOK("slab_take_one");
      const uint64_t old = bits[word].fetch_and(~bit, std::memory_order_acq_rel);
      if ((old & bit) != 0) {
        RESLAB_HOOK("slab_one_taken");
        if (!(slab_identity(unit) == seen)) {  // (6c)
          put_back(unit, bits[word], bit);
          return nullptr;
        }
        note_free(slab_at(unit), slab_class(seen.cls), info, -1);
        slab_at(unit).pages_purged.store(0, std::memory_order_relaxed);
        slab_at(unit).grace_period.store(0, std::memory_order_relaxed);
        const auto index = static_cast<size_t>(word * 64 + static_cast<uint32_t>(__builtin_ctzll(bit)));
        return unit_address(unit) + index * info.object_bytes;
      }
      free = old;
    }
  }
  return nullptr;
}

// Against deactivation and popping, as Dekker: this side sets bits, then reads flags; the other side clears its flag, then
// reads bits. Both are seq_cst, so at least one of them sees that the slab must be listed.
uint64_t slab_give(uint32_t unit, uint32_t word, uint64_t mask) {
  Slab& slab = slab_at(unit);
  const SlabIdentity seen = slab_identity(unit);  // cannot change while an object of it is out
  const ClassInfo& info = class_info(seen.cls);
  note_free(slab, slab_class(seen.cls), info, __builtin_popcountll(mask));
  RESLAB_HOOK("slab_give");
  const uint64_t old = slab_bits(unit, info)[word].fetch_or(mask, std::memory_order_seq_cst);
  RESLAB_HOOK("slab_given");
  if ((old & mask) != 0) note_free(slab, slab_class(seen.cls), info, -__builtin_popcountll(old & mask));
  const uint64_t state = slab.state.load(std::memory_order_seq_cst);
  if ((flags_of(state) & (kSlabActive | kSlabListed)) == 0 && identity_of(state) == seen) slab_relist(unit, seen);
  return old & mask;
}

bool slab_give_object(void* object) {
  const ObjectPlace place = place_of(object);
  // Freed twice, and its slab retired in between: there may be a run by now, or nothing.
  if (!is_slab_class(place.cls)) return false;
  const ClassInfo& info = class_info(place.cls);
  if (!is_object_start(info, place.offset)) return false;
  const uint32_t index = object_index(info, place.offset);
  return slab_give(place.unit, index / 64, uint64_t{1} << (index % 64)) == 0;
}

void* slab_give_sorted(ClassId cls, void** objects, uint32_t count) {
  // Insertion sort: at most 64 pointers that mostly come in runs.
  for (uint32_t i = 1; i < count; ++i) {
    void* object = objects[i];
    uint32_t j = i;
    for (; j > 0 && objects[j - 1] > object; --j) objects[j] = objects[j - 1];
    objects[j] = object;
  }
  const ClassInfo& info = class_info(cls);
  void* first_double = nullptr;
  for (uint32_t i = 0; i < count;) {
    const ObjectPlace place = place_of(objects[i]);
    RESLAB_CHECK(place.cls == cls, reinterpret_cast<uintptr_t>(objects[i]));
    const uint32_t word = object_index(info, place.offset) / 64;
    uint64_t mask = 0;
    void* twice = nullptr;    // the same object two times among these
    for (; i < count; ++i) {  // ends: i grows
      const ObjectPlace other = place_of(objects[i]);
      const uint32_t index = object_index(info, other.offset);
      if (other.unit != place.unit || index / 64 != word) break;
      const uint64_t bit = uint64_t{1} << (index % 64);
      if ((mask & bit) != 0) twice = objects[i];
      mask |= bit;
    }
    const uint64_t free_before = slab_give(place.unit, word, mask);
    if (free_before != 0) {
      const auto index = static_cast<size_t>(word * 64 + static_cast<uint32_t>(__builtin_ctzll(free_before)));
      twice = unit_address(place.unit) + index * info.object_bytes;
    }
    if (first_double == nullptr) first_double = twice;
  }
  return first_double;
}

uint32_t slab_pop_partial(ClassId cls, SlabIdentity* popped) {
  SlabClass& owner = slab_class(cls);
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
    SlabClass& owner = slab_class(seen.cls);
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
  if (!is_slab_class(seen.cls)) return;  // it was taken for a lost one, and retired since
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

bool slab_retire(uint32_t unit, SlabIdentity seen) {
  ClassInfo info;
  if (!copy_info(unit, seen, info)) return false;
  Slab& slab = slab_at(unit);
  SlabClass& owner = slab_class(seen.cls);
  std::atomic<uint64_t>* bits = slab_bits(unit, info);
  uint64_t held[kUnitBytes / 16 / 64];
  uint32_t sum = 0;
  RESLAB_HOOK("slab_unlisted");
  for (uint32_t word = 0; word < info.words; ++word) {
    held[word] = bits[word].exchange(0, std::memory_order_seq_cst);
    sum += static_cast<uint32_t>(__builtin_popcountll(held[word]));
  }
  RESLAB_HOOK("slab_retire");
  if (info.is(kTypeSafe) && sum == info.capacity && !has_outlived_readers(slab)) sum = 0;
  uint64_t expected = slab_state(seen.generation, seen.cls, 0);
  const uint64_t retired = slab_state(seen.generation + 1, kNoClass, 0);
  // acq_rel: whoever sees the new generation also sees that the words were 0.
  if (sum == info.capacity && slab.state.compare_exchange_strong(expected, retired, std::memory_order_acq_rel)) {
    RESLAB_HOOK("slab_retired");
    map_units(unit, info.slab_units, kNoClass);
    owner.empty_slabs.fetch_sub(1, std::memory_order_relaxed);
    owner.capacity_objects.fetch_sub(info.capacity, std::memory_order_relaxed);
    owner.free_objects.fetch_sub(info.capacity, std::memory_order_relaxed);
    // release, and last of these: with its last slab a class may go, and its counts be another's.
    owner.slabs.fetch_sub(1, std::memory_order_release);
    arena().release(unit, info.slab_units, Arena::Content::kDirty);
    return true;
  }
  for (uint32_t word = 0; word < info.words; ++word) {
    if (held[word] != 0) put_back(unit, bits[word], held[word]);
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

void slab_unmap_unit(uint32_t unit) { map_units(unit, 1, kNoClass); }

void slab_forget_class(ClassId cls) {
  SlabClass& owner = slab_class(cls);
  for (TaggedStack& list : owner.partial) list.reset();
  owner.slabs.store(0, std::memory_order_relaxed);
  owner.capacity_objects.store(0, std::memory_order_relaxed);
  owner.free_objects.store(0, std::memory_order_relaxed);
  owner.empty_slabs.store(0, std::memory_order_relaxed);
}

uint32_t slab_sweep(ClassId cls, uint32_t budget, FreePages pages) {
  SlabClass& owner = slab_class(cls);
  const uint32_t from = owner.current.load(std::memory_order_relaxed) & 1;
  uint32_t retired = 0;
  for (; budget > 0; --budget) {
    const uint32_t unit = owner.partial[from].pop(next_of);
    if (unit == 0) {
      owner.current.store(from ^ 1, std::memory_order_relaxed);  // walked to its end: the other list has them all
      break;
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
  return retired;
}

// Each list is walked to its end once: as many pops as there are slabs.
uint32_t slab_sweep_all(ClassId cls) {
  const uint32_t slabs = slab_class(cls).slabs.load(std::memory_order_relaxed);
  const uint32_t retired = slab_sweep(cls, slabs + 1);
  return retired + slab_sweep(cls, slabs + 1);
}

}  // namespace reslab
