#include "cache/depot.h"

#include "base/hooks.h"
#include "base/thread_line.h"

namespace reslab {

constinit std::atomic<Depot*> published_depot{nullptr};

bool Depot::put(ClassId cls, uint32_t block) {
  DepotClass& own = classes_[cls];
  const auto count = static_cast<int32_t>(blocks().count(block));
  blocks().set_state(block, BlockState::kInDepot, cls);
  RESLAB_HOOK("depot_put");
  if (!own.full.push(block, blocks().next_of())) {
    blocks().set_state(block, BlockState::kInHand, cls);
    return false;
  }
  own.blocks.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(int64_t{count} * class_info(cls).object_bytes, std::memory_order_relaxed);
  return true;
}

uint32_t Depot::take(ClassId cls) {
  DepotClass& own = classes_[cls];
  const uint32_t block = own.full.pop(blocks().next_of());
  if (block == 0) return 0;
  blocks().header(block).owner.store(thread_id(), std::memory_order_relaxed);
  blocks().set_state(block, BlockState::kInHand, cls);
  RESLAB_HOOK("depot_take");
  const auto count = static_cast<int32_t>(blocks().count(block));
  const int32_t left = own.blocks.fetch_sub(1, std::memory_order_relaxed) - 1;
  if (left < own.low_water.load(std::memory_order_relaxed)) own.low_water.store(left, std::memory_order_relaxed);
  bytes_.fetch_sub(int64_t{count} * class_info(cls).object_bytes, std::memory_order_relaxed);
  return block;
}

void Depot::forget() {
  bytes_.store(0, std::memory_order_relaxed);
  for (ClassId cls = 1; cls < kMallocClasses; ++cls) {
    classes_[cls].full.reset();
    classes_[cls].blocks.store(0, std::memory_order_relaxed);
  }
}

uint32_t Depot::age(ClassId cls) {
  DepotClass& own = classes_[cls];
  const uint32_t flushes = own.flushes.load(std::memory_order_relaxed) + 1;
  own.flushes.store(flushes, std::memory_order_relaxed);
  if (flushes < kAgeFlushes) return 0;
  own.flushes.store(0, std::memory_order_relaxed);
  const int32_t idle = own.low_water.exchange(own.blocks.load(std::memory_order_relaxed), std::memory_order_relaxed);
  return idle > 0 ? static_cast<uint32_t>(idle) : 0;
}

}  // namespace reslab
