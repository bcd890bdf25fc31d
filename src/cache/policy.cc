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

}  // namespace

void cool_magazines(uint32_t slot, ClassId cls) {
  const uint32_t warmth = cooler(slot, cls);
  if (warmth != class_slot(slot, cls).warmth.load(std::memory_order_relaxed)) set_warmth(slot, cls, warmth);
  const uint32_t other = turn.fetch_add(1, std::memory_order_relaxed) % slots().count();  // relaxed: only spreads
  if (other != slot && slots().is_ready(other)) cool_other(other, cls);
}

}  // namespace reslab
