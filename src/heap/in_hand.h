// SPDX-License-Identifier: Apache-2.0
// Blocks in hand whose thread will never come back to them: what they count goes back to its slabs (18).
#pragma once

#include <cstdint>

#include "cache/block.h"

namespace reslab {

// Objects counted by a block are in no other place (cache/block.h). How many; the block is pooled again.
uint32_t recover_block(BlockPool& pool, uint32_t block);

// For a maintenance call, which has seen that no slow path of this thread lies below: what is in hand of this thread was
// left there by a jump out of one. How many objects.
uint32_t recover_abandoned_blocks(BlockPool& pool);

}  // namespace reslab
