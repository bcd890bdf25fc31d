// SPDX-License-Identifier: Apache-2.0
#include "cache/policy.h"

namespace reslab {
namespace {

constinit std::atomic<uint32_t> turn{0};

// How warm a magazine of `slot` should be, one step on.
uint32_t cooler(uint32_t slot, ClassId cls) {
  constexpr int64_t kHardlyAny = 256;
  const ClassInfo& info = class_info(cls);
  const uint32_t warmth = class_slot(slot, cls).warmth.load(std::memory_order_relaxed);
  const uint32_t least = objects_used(cls) <= kHardlyAny ? 0 : first_warmth(info);
  if (warmth <= least) return warmth;
  return info.object_bytes >= kLargeBytes ? 0 : warmth - 1;
}

void cool_other(uint32_t slot, ClassId cls) {
  const uint32_t warmth = cooler(slot, cls);
  class_slot(slot, cls).warmth.store(warmth, std::memory_order_relaxed);
  magazine_shrink(slot, cls, capacity_at(class_info(cls), warmth));
}

constexpr ClassId kFirstLarge = class_of_size(kLargeBytes);

// Of a class of malloc.
uint32_t slots_of(uint32_t slot, ClassId cls) {
  const uint32_t end = header_end(header_word(slot, cls).load(std::memory_order_relaxed));
  const uint32_t begin = malloc_class_info(cls).begin;
  return end > begin ? end - begin : 0;
}

}  // namespace

bool is_within_budget(uint32_t slot, ClassId cls, uint32_t capacity) {
  uint64_t bytes = uint64_t{capacity} * class_info(cls).object_bytes;
  for (ClassId other = kFirstLarge; other < kMallocClasses; ++other) {
    if (other != cls) bytes += uint64_t{slots_of(slot, other)} * malloc_class_info(other).object_bytes;
  }
  return bytes <= kLargeBudget;
}

ClassId find_large_victim(uint32_t slot, ClassId cls) {
  constexpr uint32_t kPatience = 64;
  static constinit std::atomic<uint32_t> calls{0};
  const uint32_t call = calls.fetch_add(1, std::memory_order_relaxed);  // relaxed: only spreads
  if (call % kPatience != 0) return kNoClass;
  constexpr uint32_t kClasses = kMallocClasses - kFirstLarge;
  for (uint32_t i = 0; i < kClasses; ++i) {
    const ClassId other = kFirstLarge + (call / kPatience + i) % kClasses;
    if (other != cls && slots_of(slot, other) > first_large_capacity(malloc_class_info(other))) return other;
  }
  return kNoClass;
}

void cool_magazines(uint32_t slot, ClassId cls) {
  const uint32_t warmth = cooler(slot, cls);
  if (warmth != class_slot(slot, cls).warmth.load(std::memory_order_relaxed)) set_warmth(slot, cls, warmth);
  const uint32_t other = turn.fetch_add(1, std::memory_order_relaxed) % slots().count();  // relaxed: only spreads
  if (other != slot && slots().is_ready(other)) cool_other(other, cls);
}

}  // namespace reslab
