// SPDX-License-Identifier: Apache-2.0
// cache/depot: blocks of objects between magazines and slabs.
#include "cache/depot.h"

#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/thread_line.h"
#include "heap/root.h"
#include "support/audit.h"

namespace reslab {
namespace {

constexpr ClassId kClass = 30, kOther = 31;
const uint64_t kBytes = class_info(kClass).object_bytes;

// Objects are allocated before the test and freed behind it: in between nothing refills from the depot or flushes to it.
class DepotTest : public testing::Test {
 protected:
  void SetUp() override {
    for (void*& object : stock_) object = reslab_malloc(kBytes);
    empty_depot();
  }
  void TearDown() override {
    empty_depot();
    for (void* object : stock_) reslab_free(object);
    unit::expect_sound_heap();
  }

  // A block in hand with `count` objects of the stock in it.
  uint32_t make_block(uint32_t count) {
    const uint32_t block = blocks().take(kClass, Contract::kPlain);
    for (uint32_t i = 0; i < count; ++i) {
      blocks().slots(block)[i] = stock_.back();
      stock_.pop_back();
    }
    blocks().set_count(block, count);
    return block;
  }

  uint32_t empty_depot() {
    uint32_t n = 0;
    for (; const uint32_t block = depot().take(kClass, 0); ++n) keep(block);
    return n;
  }
  void keep(uint32_t block) {
    for (uint32_t i = 0; i < blocks().count(block); ++i) stock_.push_back(blocks().slots(block)[i]);
    blocks().recycle(block);
  }

 private:
  std::vector<void*> stock_ = std::vector<void*>(64);
};

TEST_F(DepotTest, GivesTheLastBlockFirstAndEachClassItsOwn) {
  const uint32_t first = make_block(3), second = make_block(5);
  EXPECT_TRUE(depot().put(kClass, 0, first));
  EXPECT_TRUE(depot().put(kClass, 0, second));
  EXPECT_EQ(blocks().state(first), BlockState::kInDepot);
  unit::expect_sound_heap();
  EXPECT_EQ(depot().take(kOther, 0), 0u);
  EXPECT_EQ(depot().take(kClass, 0), second);
  EXPECT_EQ(depot().take(kClass, 0), first);
  EXPECT_EQ(blocks().state(first), BlockState::kInHand);
  EXPECT_EQ(blocks().count(first), 3u);
  EXPECT_EQ(depot().take(kClass, 0), 0u);
  keep(first);
  keep(second);
}

TEST_F(DepotTest, CountsItsBytes) {
  const uint64_t before = depot().bytes();
  EXPECT_TRUE(depot().put(kClass, 0, make_block(7)));
  EXPECT_TRUE(depot().put(kClass, 0, make_block(2)));
  EXPECT_EQ(depot().bytes(), before + 9 * kBytes);
  empty_depot();
  EXPECT_EQ(depot().bytes(), before);
}

TEST_F(DepotTest, ABlockIsInHandOfWhoeverTookItLast) {
  EXPECT_TRUE(depot().put(kClass, 0, make_block(2)));
  std::thread([] {
    const uint32_t block = depot().take(kClass, 0);
    ASSERT_NE(block, 0u);
    EXPECT_EQ(blocks().header(block).owner.load(), thread_id());
    EXPECT_TRUE(depot().put(kClass, 0, block));
  }).join();
  keep(depot().take(kClass, 0));
}

// Objects that no refill asked for between two ageings are idle; those that were asked for are not.
TEST_F(DepotTest, TellsHowManyObjectsNobodyAskedFor) {
  const auto age_until_told = [] {
    for (int flushes = 1; flushes < 10000; ++flushes) {
      const uint32_t idle = depot().age(kClass);
      if (idle != 0) return idle;
    }
    return 0u;
  };
  EXPECT_EQ(age_until_told(), 0u) << "an empty depot has nothing idle";
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(depot().put(kClass, 0, make_block(1)));
  EXPECT_EQ(age_until_told(), 4u);
  const uint32_t asked_for = depot().take(kClass, 0);
  EXPECT_TRUE(depot().put(kClass, 0, asked_for));
  EXPECT_EQ(age_until_told(), 3u);
}

TEST_F(DepotTest, NoBlockIsLostBetweenThreads) {
  constexpr uint32_t kBlocks = 32;
  for (uint32_t i = 0; i < kBlocks; ++i) ASSERT_TRUE(depot().put(kClass, 0, make_block(1)));
  const uint64_t bytes = depot().bytes();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int round = 0; round < 50000; ++round) {
        const uint32_t block = depot().take(kClass, 0);
        if (block == 0) continue;
        ASSERT_EQ(blocks().header(block).owner.load(), thread_id());
        while (!depot().put(kClass, 0, block)) continue;  // ends: it is lost only to another's success
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(depot().bytes(), bytes);
  unit::expect_sound_heap();
  EXPECT_EQ(empty_depot(), kBlocks);
}

}  // namespace
}  // namespace reslab
