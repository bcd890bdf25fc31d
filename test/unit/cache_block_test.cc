// SPDX-License-Identifier: Apache-2.0
// cache/block: blocks are taken by one owner at a time and say who that is, whoever looks.
#include "cache/block.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "base/thread_line.h"
#include "heap/root.h"
#include "support/audit.h"

namespace reslab {
namespace {

constexpr ClassId kClass = 30;

TEST(BlockPool, ATakenBlockIsInHandOfThisThreadAndEmpty) {
  const uint32_t block = blocks().take(kClass, Contract::kPlain);
  ASSERT_NE(block, 0u);
  EXPECT_EQ(blocks().state(block), BlockState::kInHand);
  EXPECT_EQ(blocks().cls(block), kClass);
  EXPECT_EQ(blocks().count(block), 0u);
  EXPECT_EQ(blocks().header(block).owner.load(), thread_id());
  blocks().recycle(block);
  EXPECT_EQ(blocks().state(block), BlockState::kPooled);
  EXPECT_EQ(blocks().take(kClass, Contract::kPlain), block) << "the last one back is the first one out";
  blocks().recycle(block);
  unit::expect_sound_heap();
}

TEST(BlockPool, StateAndClassDoNotMix) {
  const uint32_t block = blocks().take(kClass, Contract::kPlain);
  for (const ClassId cls : {ClassId{1}, kClass, ClassId{kMaxClasses - 1}}) {
    for (const BlockState state : {BlockState::kPooled, BlockState::kInHand, BlockState::kInDepot}) {
      blocks().set_state(block, state, cls);
      EXPECT_EQ(blocks().state(block), state);
      EXPECT_EQ(blocks().cls(block), cls);
    }
  }
  blocks().recycle(block);
}

// One chunk holds 1,024; the kernel is asked for the next one only by those who may.
TEST(BlockPool, BlocksHaveSlotsOfTheirOwnAcrossChunks) {
  std::vector<uint32_t> taken;
  for (uint32_t i = 0; i < 3 * kBlocksInChunk; ++i) taken.push_back(blocks().take(kClass, Contract::kPlain));
  EXPECT_EQ(std::set<uint32_t>(taken.begin(), taken.end()).size(), taken.size());
  for (const uint32_t block : taken) {
    for (uint32_t i = 0; i < kBlockObjects; ++i) blocks().slots(block)[i] = reinterpret_cast<void*>(uintptr_t{block});
    blocks().set_count(block, kBlockObjects);
  }
  for (const uint32_t block : taken) {
    EXPECT_EQ(blocks().count(block), kBlockObjects);
    for (uint32_t i = 0; i < kBlockObjects; ++i) {
      ASSERT_EQ(blocks().slots(block)[i], reinterpret_cast<void*>(uintptr_t{block}));
    }
  }
  uint32_t last = 0;
  while (const uint32_t block = blocks().take(kClass, Contract::kAny)) {
    taken.push_back(block);
    ASSERT_LT(++last, kBlocksInChunk) << "a call that may not enter the kernel made a chunk writable";
  }
  for (const uint32_t block : taken) blocks().recycle(block);
  EXPECT_NE(blocks().take(kClass, Contract::kAny), 0u);
}

TEST(BlockPool, NoBlockHasTwoOwners) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      std::vector<uint32_t> held;
      for (int round = 0; round < 50000; ++round) {
        if (held.size() < 10 && round % 3 != 0) {
          const uint32_t block = blocks().take(kClass, Contract::kPlain);
          if (block == 0) continue;
          blocks().slots(block)[0] = &held;
          held.push_back(block);
        } else if (!held.empty()) {
          ASSERT_EQ(blocks().slots(held.back())[0], &held);
          ASSERT_EQ(blocks().header(held.back()).owner.load(), thread_id());
          blocks().recycle(held.back());
          held.pop_back();
        }
      }
      for (const uint32_t block : held) blocks().recycle(block);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace reslab
