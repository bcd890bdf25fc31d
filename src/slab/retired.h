// SPDX-License-Identifier: Apache-2.0
// Objects that wait for a grace period, as bits out of band (12): no byte of them is touched, since a reader may still
// look there, and no memory is needed that could be missing. A bit that is set already is a second reslab_free_rcu.
//
//   pending   set by whoever retires an object past the pages of rcu/, in any context
//   waiting   written by the reclaimer alone, before it takes the cookie of a grace period: what is set here is freed
//             when that has ended. Those who come late set pending bits, and so miss the period that is running.
//
//                retire   take_in, take_pending, give_back   handler on the same thread   child after fork
//   retire       yes      yes                                yes                          bits are whole; see adopt
//   the others   yes      - one thread, the reclaimer        -                            adopt makes waiting pending
//
// R1  An object is pending before its slab is listed, and unlisted before its bits are looked at: whoever finds the slab
//     listed already knows that its bit will be seen.
// R2  A second retiring finds the bit in waiting, or else in pending; or it sets it again while the first one moves from
//     there to here, and then the object is pending when its turn to be freed comes, which no other object can be. One
//     that went to a page meanwhile is found there by then: the pages are looked through before anything is freed.
// R3  A bit leaves waiting before its object goes to its slab or to the depot: the next owner may retire it again.
// R4  A slab with such a bit has an object out, so it is neither retired nor becomes another (slab.h); a listing that came
//     too late finds no bits and does no harm.
#pragma once

#include <atomic>
#include <cstdint>

#include "slab/slab.h"

namespace reslab {

// Called for objects that lie beside each other in a page.
using SeeObjects = void (*)(void* context, void* const* objects, uint32_t count);

// What libreslab-rcu offers to the core, which does not know liburcu.
struct RcuClient {
  uint64_t (*gp_start)();        // class any+wake; a cookie
  bool (*gp_poll)(uint64_t gp);  // class any
  bool (*in_read_section)();     // the calling thread; false for qsbr, which has no sections to see
  // For the audit, maintenance: from hold() on the reclaimer does nothing, until let_go(). False: there is none.
  bool (*hold)();
  void (*let_go)();
  // Meanwhile: all objects that were retired and lie in pages.
  void (*visit_pages)(SeeObjects see, void* context);
};
// nullptr before libreslab-rcu is loaded: then there are no grace periods, and no slab may need one.
extern constinit std::atomic<const RcuClient*> rcu_client __attribute__((visibility("hidden")));

struct Retired {
  uint64_t objects;
  uint64_t bytes;
};

enum class RetireResult : uint8_t {
  kDone,
  kTwice,     // it waits for a grace period already
  kFree,      // it is free in its slab
  kNoObject,  // no object begins there
};

// Where an object's bits are. `cls` is that of its place, which the caller has checked to be the start of an object.
struct ObjectBit {
  uint32_t unit;
  ClassId cls;
  uint32_t word;
  uint64_t mask;
};

// The words of a unit's two generations. Runs have one bit.
struct RetiredWords {
  std::atomic<uint64_t>* pending;
  std::atomic<uint64_t>* waiting;
  uint32_t count;
};
inline RetiredWords retired_words(uint32_t unit, ClassId cls) {
  if (cls != kRunClass && class_info(cls).dense()) {
    return {reinterpret_cast<std::atomic<uint64_t>*>(chunk_part(unit, kChunkPending, kDenseBytes)),
            reinterpret_cast<std::atomic<uint64_t>*>(chunk_part(unit, kChunkWaiting, kDenseBytes)),
            class_info(cls).words};
  }
  auto* both = reinterpret_cast<std::atomic<uint64_t>*>(chunk_part(unit, kChunkRetired, kRetiredBytes));
  return {both, both + kInlineBits / 64, cls == kRunClass ? 1u : class_info(cls).words};
}

inline ObjectBit bit_of(const ObjectPlace& place) {
  if (place.cls == kRunClass) return {place.unit, place.cls, 0, 1};
  const uint32_t index = object_index(class_info(place.cls), place.offset);
  return {place.unit, place.cls, index / 64, uint64_t{1} << (index % 64)};
}

// Class any: one atomic OR, and a bounded number of tries to list the slab.
RetireResult retire_by_bit(const ObjectBit& bit);

// --- the reclaimer's ---------------------------------------------------------------------------------------------------

// Straight to waiting, one after the other, up to the first with which something is wrong: that is objects[taken.objects].
struct TakenIn {
  Retired taken;
  RetireResult result;
};
TakenIn retire_to_waiting(void* const* objects, uint32_t count);

// One of these that is waiting already; nullptr: none. What is no object is not.
void* find_waiting(void* const* objects, uint32_t count);

// Pending to waiting, for all slabs that are listed; with kAll also for those that a thread which is gone, or lost too
// many races, has not listed. Calls `twice` for an object that waits already.
enum class Search : uint8_t { kListed, kAll };
Retired take_pending(Search search, void (*twice)(void* object));

// The next unit with waiting bits, off the list; 0: none. Its words are the caller's to read and clear.
uint32_t pop_waiting();

// For a child after fork, before anything else of this group: what the parent's reclaimer was waiting for is pending.
// All that is pending then.
Retired adopt_waiting();

// Does a unit of this class have such bits?
inline bool has_retired_bits(ClassId cls) { return cls == kRunClass || is_slab_class(cls); }

// Writes to the pages that hold the bits of a slab, so that no later call faults there. Only once `retiring_in_use`.
void touch_retired_bits(uint32_t unit, ClassId cls);
extern constinit std::atomic<bool> retiring_in_use __attribute__((visibility("hidden")));

// Are there listed slabs? A hint.
bool has_pending();

inline size_t retired_object_bytes(uint32_t unit, ClassId cls) {
  return cls == kRunClass ? size_t{slab_at(unit).run_units.load(std::memory_order_relaxed)} << kUnitShift
                          : class_info(cls).object_bytes;
}
inline char* retired_object(uint32_t unit, ClassId cls, uint32_t word, uint64_t bit) {
  const auto index = size_t{word} * 64 + static_cast<size_t>(__builtin_ctzll(bit));
  return unit_address(unit) + (cls == kRunClass ? 0 : index * class_info(cls).object_bytes);
}

}  // namespace reslab
