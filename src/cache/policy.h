// SPDX-License-Identifier: Apache-2.0
// How large magazines are and when free objects leave the caches. Magazines start small and double with each miss or
// overflow; when a class has become sparse (few objects live, scattered over many slabs) they shrink and the depot is
// emptied, because every cached object then keeps a whole slab from being given back.
#pragma once

#include <cstdint>

#include "base/options.h"
#include "cache/cpu_state.h"
#include "cache/depot.h"
#include "cache/magazine.h"
#include "slab/slab.h"

namespace reslab {

inline uint32_t capacity_now(uint32_t slot, ClassId cls) {
  return capacity_at(class_info(cls), class_slot(slot, cls).warmth.load(std::memory_order_relaxed));
}

// Objects that are not free in their slabs: with the user, or cached.
inline int64_t objects_used(ClassId cls) {
  const SlabClass& own = slab_class(cls);
  return own.capacity_objects.load(std::memory_order_relaxed) - own.free_objects.load(std::memory_order_relaxed);
}

// Does the class hold more than four times the memory that its live and cached objects need, and more than a little?
inline bool is_sparse(ClassId cls) {
  constexpr int64_t kLittle = 512 << 10;
  const SlabClass& own = slab_class(cls);
  const ClassInfo& info = class_info(cls);
  const int64_t out_of_reach = int64_t{own.unreachable.load(std::memory_order_relaxed)} * info.capacity;
  const int64_t held = own.capacity_objects.load(std::memory_order_relaxed) - out_of_reach;
  return (held - 4 * objects_used(cls)) * info.object_bytes > kLittle;
}

// Warmth is a hint that handlers and other threads may overwrite: relaxed, and no harm if a step is lost.
inline void set_warmth(uint32_t slot, ClassId cls, uint32_t warmth) {
  class_slot(slot, cls).warmth.store(warmth, std::memory_order_relaxed);
  magazine_resize(cls, capacity_at(class_info(cls), warmth));
}

// Misses count more than overflows when the class is sparse: a little is granted to whoever still allocates from it, or
// its calls would all be slow for as long as a few live objects are scattered, or a slab is lost to a thread that is gone.
enum class Cause : uint8_t { kMiss, kOverflow };

// What the magazines of a slot may hold of large objects, all classes together, beyond the few that each warm class gets.
inline constexpr uint64_t kLargeBudget = 4 << 20;

// Would `capacity` slots for a large class fit in?
bool is_within_budget(uint32_t slot, ClassId cls, uint32_t capacity);

// One step warmer. True if the magazine has grown.
inline bool grow_magazine(uint32_t slot, ClassId cls, Cause cause) {
  const ClassInfo& info = class_info(cls);
  const uint32_t warmth = class_slot(slot, cls).warmth.load(std::memory_order_relaxed);
  const uint32_t now = capacity_at(info, warmth);
  const uint32_t end = header_end(header_word(slot, cls).load(std::memory_order_relaxed));
  if (end != 0 && end < info.begin + now) {  // another thread's resize was meant for the slot that it had just left
    magazine_resize(cls, now);
    return true;
  }
  if (now >= info.magazine) return false;
  if (is_sparse(cls) && (cause == Cause::kOverflow || warmth > first_warmth(info))) return false;
  const uint32_t next = capacity_at(info, warmth + 1);
  if (info.object_bytes >= kLargeBytes && next > first_large_capacity(info) &&
      (cause == Cause::kMiss || !is_within_budget(slot, cls, next))) {
    return false;
  }
  set_warmth(slot, cls, warmth + 1);
  return next > now;
}

// Another large class of the slot with more than its first few slots, in turn, at every kPatience-th call, or kNoClass: who
// finds the budget used up for so long takes it from there.
ClassId find_large_victim(uint32_t slot, ClassId cls);

// For a sparse class: lets the magazine of this slot cool, and in turn one of another: a thread that moves there would fill
// it to its former size with the last objects of as many slabs. When hardly an object is left they go cold altogether.
void cool_magazines(uint32_t slot, ClassId cls);

// Objects to fetch from slabs at once: half of what the magazine may hold, a block at most.
inline uint32_t refill_size(uint32_t slot, ClassId cls) {
  const uint32_t half = capacity_now(slot, cls) / 2;
  const uint32_t most = class_info(cls).batch;
  return half < 1 ? 1 : half < most ? half : most;
}

// Whether a block with so little in it gets a place in the depot: who takes it would come back soon.
inline bool is_worth_a_place(ClassId cls, uint32_t objects) { return objects >= class_info(cls).batch / 4; }

inline bool depot_is_full() {
  if (arena().is_above_soft_limit()) return true;
  const auto live = static_cast<uint64_t>(arena().units_in_use()) << kUnitShift;
  const uint64_t share = live / 16;
  return depot().bytes() > (options().depot_min > share ? options().depot_min : share);
}

}  // namespace reslab
