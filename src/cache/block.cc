// SPDX-License-Identifier: Apache-2.0
#include "cache/block.h"

#include "base/for_tries.h"
#include "base/hooks.h"
#include "base/thread_line.h"

namespace reslab {

constinit std::atomic<BlockPool*> published_blocks{nullptr};

void BlockPool::init(char* chunks, uint32_t max_chunks) {
  chunks_ = chunks;
  const uint32_t most = max_chunks * kBlocksInChunk;
  max_blocks_ = most < TaggedStack::kMaxIndex ? most : TaggedStack::kMaxIndex;
  made_.store(1, std::memory_order_relaxed);  // relaxed: the root's publication releases this
  chunk_extent_.init(chunks, kBlockChunkBytes, max_chunks, 0);
}

void BlockPool::set_state(uint32_t block, BlockState state, ClassId cls) {
  const auto value = static_cast<uint16_t>(static_cast<uint32_t>(state) << 14 | cls);
  header(block).state_and_class.store(value, std::memory_order_relaxed);
}

void BlockPool::hold(uint32_t block, ClassId cls) {
  header(block).owner.store(thread_id(), std::memory_order_relaxed);
  set_state(block, BlockState::kInHand, cls);
}

// The owner must be gone before anybody can take the block: who looks for what he left behind (heap/in_hand.h) would find
// his name on a block that is in another's hand.
void BlockPool::let_go(uint32_t block, BlockState state, ClassId cls) {
  set_state(block, state, cls);
  header(block).owner.store(0, std::memory_order_relaxed);  // relaxed: the push releases it
}

uint32_t BlockPool::take(ClassId cls, Contract contract) {
  uint32_t block = pooled_.pop(next_of());
  if (block == 0) block = make(contract);
  if (block == 0) return 0;
  RESLAB_HOOK("block_taken");
  set_count(block, 0);
  hold(block, cls);
  return block;
}

void BlockPool::recycle(uint32_t block) {
  set_count(block, 0);
  let_go(block, BlockState::kPooled, kNoClass);
  // Every pop from a pool that lost its races only looks empty, and a push that loses leaves the block marked as pooled
  // and unlisted: the audit counts such blocks, heap/fork relists them. It takes 64 lost races in a row.
  pooled_.push(block, next_of());
}

uint32_t BlockPool::make(Contract contract) {
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    uint32_t block = made_.load(std::memory_order_relaxed);
    const bool has_room = block + kReadyBlocks <= writable() || extend(contract);
    if (block >= max_blocks_ || (!has_room && block >= writable())) return 0;
    RESLAB_HOOK("block_make");
    if (made_.compare_exchange_weak(block, block + 1, std::memory_order_acq_rel)) return block;
  }
  return 0;
}

// Makes a further chunk writable, before the last one is used up: calls that may not enter the kernel live on what is
// left of it.
bool BlockPool::extend(Contract contract) {
  const uint32_t chunks = chunk_extent_.writable() + 1;
  if (!may_enter_kernel(contract) || chunks * kBlocksInChunk > max_blocks_) return false;
  return chunk_extent_.reserve(chunks, chunks) == Place::kOurs && chunk_extent_.commit(chunks);
}

}  // namespace reslab
