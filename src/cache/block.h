// SPDX-License-Identifier: Apache-2.0
// Blocks: fixed arrays of object pointers in type-stable metadata, the unit in which objects travel between magazines,
// depot and slabs. An object in transit is in an *in-hand* block, so that the stack holds one number and a fork child or
// an audit finds what a thread that is gone was carrying (18).
//
//                  take   recycle   handler on the same thread   child after fork
//   take, recycle  yes    yes       yes                          in-hand blocks of dead threads are emptied by heap/fork
//
// Filling: the count is raised behind the objects' leave of their old home. Emptying: it is lowered before they enter the new
// one. So what an in-hand block counts is nowhere else, and what a thread that is gone had not counted yet is lost to a child.
#pragma once

#include <atomic>
#include <cstdint>

#include "arena/extent.h"
#include "base/contract.h"
#include "platform/page_size.h"
#include "slab/size_classes.h"
#include "sync/tagged_stack.h"

namespace reslab {

inline constexpr uint32_t kBlockObjects = kMostBatch;

enum class BlockState : uint16_t { kPooled, kInHand, kInDepot };

struct BlockHeader {
  std::atomic<uint32_t> next;
  std::atomic<uint16_t> count;
  std::atomic<uint16_t> state_and_class;  // state in the top 2 bits
  std::atomic<uint64_t> owner;            // thread id while in hand, else 0
};
static_assert(sizeof(BlockHeader) == 16 && kMaxClasses <= 1u << 14);

// Blocks live in chunks of 1,024: headers first, then slots, made writable a chunk at a time. Block 0 is "none".
inline constexpr uint32_t kBlocksInChunk = 1024;
inline constexpr uint32_t kReadyBlocks = 128;  // kept writable ahead of use
inline constexpr size_t kBlockChunkSlots = kBlocksInChunk * sizeof(BlockHeader);
inline constexpr size_t kBlockChunkBytes =
    round_up(kBlockChunkSlots + kBlocksInChunk * kBlockObjects * sizeof(void*), kMostPageBytes);

class BlockPool {
 public:
  void init(char* chunks, uint32_t max_chunks);
  // The process limits its address space: gives back what is reserved beyond the next chunk.
  void give_back_reservation() { chunk_extent_.give_back(chunk_extent_.writable() + 1); }

  // A block in hand of this thread, count 0. 0: none to be had under this contract.
  uint32_t take(ClassId cls, Contract contract);
  void recycle(uint32_t block);

  BlockHeader& header(uint32_t block) {
    return reinterpret_cast<BlockHeader*>(chunk_of(block))[block % kBlocksInChunk];
  }
  void** slots(uint32_t block) {
    char* slots = chunk_of(block) + kBlockChunkSlots;
    return reinterpret_cast<void**>(slots) + size_t{block % kBlocksInChunk} * kBlockObjects;
  }
  auto next_of() {
    return [this](uint32_t block) -> std::atomic<uint32_t>& { return header(block).next; };
  }

  uint16_t count(uint32_t block) { return header(block).count.load(std::memory_order_relaxed); }
  // release: a recovery that sees the count sees the slots it covers.
  void set_count(uint32_t block, uint32_t n) {
    header(block).count.store(static_cast<uint16_t>(n), std::memory_order_release);
  }
  // A block that is on no stack is this thread's from here on. The owner is written first.
  void hold(uint32_t block, ClassId cls);
  // It is about to go to a stack. The owner goes last, so that a block with an owner is on none.
  void let_go(uint32_t block, BlockState state, ClassId cls);
  void set_state(uint32_t block, BlockState state, ClassId cls);
  BlockState state(uint32_t block) {
    return static_cast<BlockState>(header(block).state_and_class.load(std::memory_order_relaxed) >> 14);
  }
  ClassId cls(uint32_t block) { return header(block).state_and_class.load(std::memory_order_relaxed) & 0x3fff; }

  uint32_t blocks_made() const { return made_.load(std::memory_order_acquire); }
  size_t writable_bytes() const { return chunk_extent_.writable_bytes(); }
  TaggedStack& pooled() { return pooled_; }

 private:
  friend struct ImageWriter;  // tells readers outside where its parts are

  char* chunk_of(uint32_t block) { return chunks_ + (block / kBlocksInChunk) * kBlockChunkBytes; }
  uint32_t make(Contract contract);
  bool extend(Contract contract);
  uint32_t writable() const { return chunk_extent_.writable() * kBlocksInChunk; }

  char* chunks_;
  uint32_t max_blocks_;
  TaggedStack pooled_;
  std::atomic<uint32_t> made_;  // blocks ever used, 0 included
  Extent chunk_extent_;
};

extern constinit std::atomic<BlockPool*> published_blocks __attribute__((visibility("hidden")));
inline BlockPool& blocks() { return *published_blocks.load(std::memory_order_relaxed); }

}  // namespace reslab
