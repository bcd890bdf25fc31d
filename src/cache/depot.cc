// SPDX-License-Identifier: Apache-2.0
#include "cache/depot.h"

#include "base/hooks.h"
#include "platform/topology.h"
#include "slab/class_table.h"

namespace reslab {

constinit std::atomic<Depot*> published_depot{nullptr};

bool Depot::put(ClassId cls, uint32_t node, uint32_t block) {
  DepotClass& own = classes_[cls];
  const auto count = int64_t{blocks().count(block)};
  blocks().let_go(block, BlockState::kInDepot, cls);
  RESLAB_HOOK("depot_put");
  if (!full(cls, node).push(block, blocks().next_of())) {
    blocks().hold(block, cls);
    return false;
  }
  own.objects.fetch_add(count, std::memory_order_relaxed);
  bytes_.fetch_add(count * class_info(cls).object_bytes, std::memory_order_relaxed);
  return true;
}

bool Depot::is_empty(ClassId cls) {
  for (uint32_t node = 0; node < node_count(); ++node) {
    if (!full(cls, node).empty()) return false;
  }
  return true;
}

// Whoever never comes back between a pop and its count leaves the counts too high, and enough of them would close the
// depot for ever. With the stacks empty they ought to be 0. A push that is about to be counted makes this wrong by one
// block, in the other direction, until that block is taken and the stacks are empty again.
void Depot::forget_drift(ClassId cls) {
  DepotClass& own = classes_[cls];
  if (own.objects.load(std::memory_order_relaxed) == 0 || !is_empty(cls)) return;
  const int64_t drift = own.objects.exchange(0, std::memory_order_relaxed);
  bytes_.fetch_sub(drift * class_info(cls).object_bytes, std::memory_order_relaxed);
}

uint32_t Depot::take(ClassId cls, uint32_t node) {
  DepotClass& own = classes_[cls];
  const uint32_t block = full(cls, node).pop(blocks().next_of());
  if (block == 0) {
    forget_drift(cls);
    return 0;
  }
  blocks().hold(block, cls);
  RESLAB_HOOK("depot_take");
  const auto count = int64_t{blocks().count(block)};
  const int64_t left = own.objects.fetch_sub(count, std::memory_order_relaxed) - count;
  if (left < own.low_water.load(std::memory_order_relaxed)) own.low_water.store(left, std::memory_order_relaxed);
  bytes_.fetch_sub(count * class_info(cls).object_bytes, std::memory_order_relaxed);
  return block;
}

uint32_t Depot::take_any(ClassId cls) {
  const uint32_t nodes = node_count();
  if (nodes == 1) return take(cls, 0);
  const uint32_t first = classes_[cls].turn.fetch_add(1, std::memory_order_relaxed);
  uint32_t block, looked_at = 0;
  do block = take(cls, (first + looked_at) % nodes);
  while (block == 0 && ++looked_at < nodes);
  return block;
}

void Depot::forget() {
  bytes_.store(0, std::memory_order_relaxed);
  for (const ClassId cls : all_classes()) {
    for (uint32_t node = 0; node < node_count(); ++node) full(cls, node).reset();
    classes_[cls].objects.store(0, std::memory_order_relaxed);
  }
}

uint32_t Depot::age(ClassId cls) {
  DepotClass& own = classes_[cls];
  const uint32_t flushes = own.flushes.load(std::memory_order_relaxed) + 1;
  own.flushes.store(flushes, std::memory_order_relaxed);
  if (flushes < kAgeFlushes) return 0;
  own.flushes.store(0, std::memory_order_relaxed);
  const int64_t idle = own.low_water.exchange(own.objects.load(std::memory_order_relaxed), std::memory_order_relaxed);
  return idle > 0 ? static_cast<uint32_t>(idle) : 0;
}

}  // namespace reslab
