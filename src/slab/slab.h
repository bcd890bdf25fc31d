// SPDX-License-Identifier: Apache-2.0
// Slabs: units of one class, described out of band by one 128-byte descriptor (of the first unit) and a bitmap, 1 = free.
//
//   bits are the only truth; `free_hint` and the counts of a class may lag or go below zero and decide nothing (6a)
//   state   {generation:32, class:16, flags:16}
//   active  in the active slot of the CPU it names listed  on a partial list of its class; set before the push,
//                                                          cleared only by whoever popped it (7)
//   neither: full, or unlisted for a moment, or left so by a dead thread (a sweep relists it)
//
//                take   give   list/pop   retire   handler on the same thread    child after fork
//   take         yes    yes    yes        yes      yes                           bits in transit are lost, counted
//   give         yes    yes    yes        -  (1)   yes
//   list, pop    yes    yes    yes        yes      yes                           heap/fork relists
//   retire       yes    - (1)  yes        yes      yes
//   (1) a slab with an object still out cannot be retired: the retirer must hold all its bits (6b)
//
// Every claim re-reads {class, generation} after its exchange; bits taken from a slab that is another by now go back as
// ordinary frees of the slab that is there (6c). Retire bumps the generation before class_of changes (6d), and leaves
// all words 0, as they are under a run (6e).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "arena/arena.h"
#include "base/contract.h"
#include "slab/class_table.h"
#include "slab/size_classes.h"
#include "sync/tagged_stack.h"

namespace reslab {

enum SlabFlag : uint16_t { kSlabActive = 1, kSlabListed = 2 };

// The flag, and whose: a slab is active in one slot, so whoever comes late can see that it is active elsewhere by now.
constexpr uint16_t active_in(uint32_t slot) { return static_cast<uint16_t>(slot << 2 | kSlabActive); }
constexpr uint32_t active_slot_of(uint16_t flags) { return flags >> 2; }

struct alignas(kDescriptorBytes) Slab {
  std::atomic<uint64_t> state;
  std::atomic<uint32_t> next;          // link of the partial list
  std::atomic<uint32_t> pending_next;  // link of the list for deferred reclamation
  std::atomic<int32_t> free_hint;
  std::atomic<uint32_t> run_units;        // of a run: its length; 0 for slabs
  std::atomic<uint32_t> account;          // of a run: who is charged (heap/account.h)
  std::atomic<uint32_t> search_from;      // object with which the next take begins
  std::atomic<int32_t> free_when_purged;  // objects, when its pages were last given back; 0: some were taken since
  std::atomic<uint32_t> pending_listed;   // slab/retired.h
  uint32_t waiting_next;
  std::atomic<uint32_t> node;          // whose memory it is: which of its class's lists it is on
  std::atomic<uint64_t> grace_period;  // 1 + the cookie that a type-safe slab waits for, or 0
  uint64_t reserved;
  std::atomic<uint64_t> inline_bits[kInlineBits / 64];
};
static_assert(sizeof(Slab) == kDescriptorBytes && offsetof(Slab, inline_bits) == 64);

// {generation, class}: what a claim compares. Flags come and go meanwhile.
struct SlabIdentity {
  uint32_t generation;
  ClassId cls;
  bool operator==(const SlabIdentity& other) const { return generation == other.generation && cls == other.cls; }
};

constexpr uint64_t slab_state(uint32_t generation, ClassId cls, uint16_t flags) {
  return uint64_t{generation} << 32 | uint64_t{cls} << 16 | flags;
}
constexpr SlabIdentity identity_of(uint64_t state) {
  return {static_cast<uint32_t>(state >> 32), static_cast<ClassId>(state >> 16 & 0xffff)};
}
constexpr uint16_t flags_of(uint64_t state) { return static_cast<uint16_t>(state); }

inline Slab& slab_at(uint32_t unit) {
  return *reinterpret_cast<Slab*>(chunk_part(unit, kChunkDescriptors, kDescriptorBytes));
}
inline std::atomic<uint64_t>* slab_bits(uint32_t unit, const ClassInfo& info) {
  if (!info.dense()) return slab_at(unit).inline_bits;
  return reinterpret_cast<std::atomic<uint64_t>*>(chunk_part(unit, kChunkDense, kDenseBytes));
}

// What the unit map says of units of the class.
inline ClassId mapped_class(ClassId cls) { return class_info(cls).is(kCharged) ? kChargedClass : cls; }

// The accounts that a charged slab's objects are charged to, at its very end: 0 for those that are free.
using ChargeTag = std::atomic<uint16_t>;
inline ChargeTag* charge_tags(uint32_t unit, const ClassInfo& info) {
  char* end = unit_address(unit) + info.slab_units * kUnitBytes;
  return reinterpret_cast<ChargeTag*>(end) - info.capacity;
}

// What the unit map says of an address, but for charged units, which ask their slab.
struct ObjectPlace {
  ClassId cls;    // kNoClass: nothing of ours starts in this unit
  uint32_t unit;  // first unit of the slab or run
  size_t offset;  // of the address from there
};
ObjectPlace place_of(const void* p);

// Of a unit that only says it is charged: with the class that its slab has.
ObjectPlace charged_place(const ObjectPlace& place);
// place_of, for loops.
inline ObjectPlace place_in(const Window& window, const void* p) {
  const uintptr_t from_base = reinterpret_cast<uintptr_t>(p) - window.base;
  const size_t unit = from_base >> kUnitShift;
  if (unit == 0 || unit >= window.units) return {kNoClass, 0, 0};
  const uint16_t entry = __atomic_load_n(&window.class_of[unit], __ATOMIC_RELAXED);
  const size_t first = unit - entry_place(entry);
  const ObjectPlace place = {entry_class(entry), static_cast<uint32_t>(first), from_base - (first << kUnitShift)};
  return __builtin_expect(place.cls != kChargedClass, 1) ? place : charged_place(place);
}

// Is it the start of an object that a slab of this class has, or of a run?
inline bool is_start(const ObjectPlace& place) {
  if (is_slab_class(place.cls)) return is_object_start(class_info(place.cls), place.offset);
  return place.cls == kRunClass && place.offset == 0;
}

// The partial slabs of one class and node. Two lists, so that a sweep can walk one by popping from it and pushing to the
// other; `current` says which one is popped first.
struct SlabLists {
  TaggedStack partial[2];
  std::atomic<uint32_t> current;
};

// One class: its partial slabs and what is counted of all.
struct alignas(64) SlabClass {
  SlabLists lists;                   // of node 0
  std::atomic<int32_t> empty_slabs;  // hint: slabs all of whose bits are free
  std::atomic<int64_t> capacity_objects;
  std::atomic<int64_t> free_objects;  // in bitmaps
  std::atomic<uint32_t> slabs;
  std::atomic<uint32_t> sweep_pause;  // flushes to let pass before the next search for empty slabs
  std::atomic<int32_t> unreachable;   // empty slabs that a whole round did not meet: active, or a lost thread's
  std::atomic<uint32_t> sweep_node;   // whose lists the next search begins with
};
static_assert(sizeof(SlabClass) == 64);

// Of the published root.
extern constinit std::atomic<SlabClass*> published_slab_classes __attribute__((visibility("hidden")));
inline SlabClass& slab_class(ClassId cls) { return published_slab_classes.load(std::memory_order_relaxed)[cls]; }

// Those of other nodes than 0, all classes of node 1 first.
extern constinit std::atomic<SlabLists*> published_slab_lists __attribute__((visibility("hidden")));
inline SlabLists& slab_lists(ClassId cls, uint32_t node) {
  if (__builtin_expect(node == 0, 1)) return slab_class(cls).lists;
  return published_slab_lists.load(std::memory_order_relaxed)[size_t{node - 1} * kMaxClasses + cls];
}

// Makes a slab with all bits free, neither active nor listed, owned by the caller. 0: no memory.
// `node`: whose CPU this is; where the units' memory is already there, it is the slab's node that counts.
// `made` is what it is while nobody else can have found it.
uint32_t slab_create(ClassId cls, uint32_t node, Contract contract, SlabIdentity* made = nullptr);

// Units for a slab or a run. Before the arena grows, classes that have several empty slabs give some back: flushes do
// that otherwise, and a process that frees by nolock calls alone has none (lesson 3). Bounded; no kernel entry but the
// contract's.
UnitRun slab_claim_units(uint32_t count, uint32_t align, Contract contract);

// Takes up to `want` objects into `out`; how many. `seen` is the identity the caller believes in. `count`, if there is
// one, is raised by each word's objects once they are in `out`: what a thread that is gone had taken and not counted is
// one word's at most.
uint32_t slab_take(uint32_t unit, SlabIdentity seen, void** out, uint32_t want, std::atomic<uint16_t>* count = nullptr);

// One object by one bit: what remains when nothing else goes. nullptr: no free bit seen.
void* slab_take_one(uint32_t unit, SlabIdentity seen);

// Frees the objects whose bits are in `mask` of word `word`. Returns those that were free already (double frees). The
// slab is relisted if need be.
uint64_t slab_give(uint32_t unit, uint32_t word, uint64_t mask);

// One object by its address; false: it was free already.
bool slab_give_object(void* object);

// Is the object at this place, the start of one, free in its slab?
bool slab_has_free(const ObjectPlace& place);

// Groups `count` objects of one class by word, sorts them for it, and frees them. One that was free already, or
// nullptr.
void* slab_give_sorted(ClassId cls, void** objects, uint32_t count);

// Pops a partial slab: from now on it is the caller's to activate, to relist or to retire. 0: none.
// `popped` is what it was then: a free may list it again at once, and who pops it next may retire it, so that a later look
// finds another slab or none.
uint32_t slab_pop_partial(ClassId cls, uint32_t node, SlabIdentity* popped = nullptr);

// Sets the listed bit and pushes, unless the slab is active, listed, or another by now.
void slab_relist(uint32_t unit, SlabIdentity seen);

// Popped or created slab -> active in `slot`. False: it was listed or changed meanwhile.
bool slab_activate(uint32_t unit, SlabIdentity seen, uint32_t slot);
bool slab_is_active(uint32_t unit, SlabIdentity seen, uint32_t slot);
// Active in `slot` -> partial or full. If it is not (any more), nothing happens.
void slab_deactivate(uint32_t unit, SlabIdentity seen, uint32_t slot);
// A popped slab the caller has no more use for: listed again if it has free bits.
void slab_let_go(uint32_t unit, SlabIdentity seen);

// Retires a slab the caller has popped or deactivated, if it holds all its bits; otherwise relists it.
bool slab_retire(uint32_t unit, SlabIdentity seen);

// For a child after fork, alone in its process and in no other call of reslab: first every class forgets its lists and
// counts and every active slot is empty, then every slab is counted by its bits and listed if it has free ones.
void slab_forget_class(ClassId cls);
void slab_settle(uint32_t unit);
void slab_unmap_unit(uint32_t unit);  // which nothing describes

// Pops up to `budget` slabs, retires the empty ones, moves the others to the other list. How many were retired.
// kPurge: gives those pages of half-empty ones back to the system that hold free objects alone; enters the kernel.
enum class FreePages : uint8_t { kKeep, kPurge };
uint32_t slab_sweep(ClassId cls, uint32_t budget, FreePages pages = FreePages::kKeep);
// The same for all that are listed, on either list.
uint32_t slab_sweep_all(ClassId cls);

// Of a slab that is marked as listed and popped by the caller: if no more than half is in use of what was when this was
// last done, the pages with none of that go back to the system (slab/purge.cc).
void slab_purge_pages(uint32_t unit, SlabIdentity seen);

// Not while free objects are poisoned (heap/debug.h): their pages would read as zero.
extern constinit std::atomic<bool> slabs_keep_pages __attribute__((visibility("hidden")));
inline bool pages_can_go(const ClassInfo& info) {
  return !info.is(kKeepsContent | kCharged) && !slabs_keep_pages.load(std::memory_order_relaxed);
}

inline SlabIdentity slab_identity(uint32_t unit) {
  return identity_of(slab_at(unit).state.load(std::memory_order_acquire));
}

}  // namespace reslab
