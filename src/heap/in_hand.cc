// SPDX-License-Identifier: Apache-2.0
#include "heap/in_hand.h"

#include "base/hooks.h"
#include "base/thread_line.h"
#include "slab/slab.h"

namespace reslab {

uint32_t recover_block(BlockPool& pool, uint32_t block) {
  const uint32_t count = pool.count(block);
  pool.set_count(block, 0);
  if (count > 0) slab_give_sorted(pool.cls(block), pool.slots(block), count);
  pool.recycle(block);
  return count;
}

uint32_t recover_abandoned_blocks(BlockPool& pool) {
  const uint64_t self = thread_id();
  const uint32_t made = pool.blocks_made();
  uint32_t recovered = 0;
  for (uint32_t block = 1; block < made; ++block) {
    // A block that has an owner is on no stack, so nobody else can take it. Its state may be that of before.
    if (pool.header(block).owner.load(std::memory_order_relaxed) != self) continue;
    RESLAB_HOOK("block_mine");
    recovered += recover_block(pool, block);
  }
  return recovered;
}

}  // namespace reslab
