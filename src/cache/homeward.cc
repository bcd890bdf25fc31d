// SPDX-License-Identifier: Apache-2.0
#include "cache/homeward.h"

#include "base/counters.h"
#include "base/hooks.h"
#include "cache/block.h"
#include "cache/cpu_state.h"
#include "cache/depot.h"
#include "cache/give_back.h"
#include "cache/policy.h"
#include "platform/topology.h"
#include "slab/slab.h"

namespace reslab {
namespace {

uint32_t node_of_object(const void* object) {
  return slab_at(place_of(object).unit).node.load(std::memory_order_relaxed);
}

void deposit(ClassId cls, uint32_t node, uint32_t block) {
  if (!depot().put(cls, node, block)) give_back_block(cls, block);
}

// Those of the first one's node come first; how many.
uint32_t gather_node(void** objects, uint32_t count, uint32_t node) {
  uint32_t of_node = 1;
  for (uint32_t i = 1; i < count; ++i) {
    if (node_of_object(objects[i]) != node) continue;
    void* const object = objects[i];
    objects[i] = objects[of_node];
    objects[of_node++] = object;
  }
  return of_node;
}

// What stands behind the first `kept` objects, in a block of its own. 0: no block, and they went to their slabs.
uint32_t split(ClassId cls, uint32_t block, uint32_t kept) {
  BlockPool& pool = blocks();
  void** behind = pool.slots(block) + kept;
  const uint32_t count = pool.count(block) - kept;
  const uint32_t other = pool.take(cls, Contract::kPlain);
  pool.set_count(block, kept);  // before they enter their new home
  RESLAB_HOOK("homeward_split");
  if (other == 0) {
    give_back_counted(cls, behind, count);
    return 0;
  }
  __builtin_memcpy(pool.slots(other), behind, count * sizeof(void*));
  pool.set_count(other, count);
  return other;
}

void deposit_of_node(ClassId cls, uint32_t node, uint32_t own, uint32_t block) {
  const uint32_t count = blocks().count(block);
  if (node != own) counters.add(Counter::kSentHome, count);
  if (is_worth_a_place(cls, count)) deposit(cls, node, block);
  else give_back_block(cls, block);
}

}  // namespace

uint32_t node_of_block(uint32_t block) { return node_count() == 1 ? 0 : node_of_object(blocks().slots(block)[0]); }

// Ends: each round takes one node's objects out of the block.
void deposit_at_home(ClassId cls, uint32_t block) {
  if (__builtin_expect(node_count() == 1, 1)) return deposit(cls, 0, block);
  const uint32_t own = node_of_slot(slot_index());
  while (block != 0) {
    const uint32_t count = blocks().count(block);
    const uint32_t node = node_of_block(block);
    const uint32_t of_node = gather_node(blocks().slots(block), count, node);
    const uint32_t rest = of_node < count ? split(cls, block, of_node) : 0;
    deposit_of_node(cls, node, own, block);
    block = rest;
  }
}

}  // namespace reslab
