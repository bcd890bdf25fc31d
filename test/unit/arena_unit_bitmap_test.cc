// SPDX-License-Identifier: Apache-2.0
// arena/unit_bitmap: which units are free. Claims never overlap, nothing is lost by a claim that fails, and what is free
// is found again.
#include "arena/unit_bitmap.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace reslab {
namespace {

constexpr uint32_t kUnits = 64 * 64 * 2 + 100;  // more than two summary words

class UnitBitmapTest : public testing::Test {
 protected:
  void SetUp() override { start_at(0); }

  // Unit 0 is the machine's unit `base`.
  void start_at(uint64_t base) { bitmap_.init(words_.data(), summary_.data(), base); }

  uint32_t claim(uint32_t count, uint32_t align, uint32_t limit) {
    return bitmap_.claim(count, align, limit, UnitBitmap::Reach::kAll);
  }
  void release_all() { bitmap_.release(1, kUnits - 1); }
  int64_t count_free_bits() const {
    int64_t n = 0;
    for (uint32_t unit = 0; unit < kUnits; ++unit) n += bitmap_.is_free(unit) ? 1 : 0;
    return n;
  }
  void expect_count_agrees() const { EXPECT_EQ(bitmap_.free_units(), count_free_bits()); }

  UnitBitmap bitmap_;

 private:
  std::vector<std::atomic<uint64_t>> words_ = std::vector<std::atomic<uint64_t>>(kUnits / 64 + 1);
  std::vector<std::atomic<uint64_t>> summary_ = std::vector<std::atomic<uint64_t>>(kUnits / 64 / 64 + 1);
};

TEST_F(UnitBitmapTest, HasNothingAtFirst) {
  EXPECT_EQ(claim(1, 1, kUnits), 0u);
  EXPECT_EQ(bitmap_.next_run(1, kUnits).count, 0u);
  EXPECT_EQ(bitmap_.free_units(), 0);
}

TEST_F(UnitBitmapTest, HandsOutEveryUnitOnce) {
  release_all();
  std::vector<bool> seen(kUnits);
  for (uint32_t n = 1; n < kUnits; ++n) {
    const uint32_t unit = claim(1, 1, kUnits);
    ASSERT_NE(unit, 0u) << n;
    ASSERT_FALSE(seen[unit]);
    seen[unit] = true;
  }
  EXPECT_EQ(claim(1, 1, kUnits), 0u);
  EXPECT_EQ(bitmap_.free_units(), 0);
  expect_count_agrees();
}

TEST_F(UnitBitmapTest, ClaimsOnlyBelowTheLimit) {
  release_all();
  for (uint32_t n = 1; n < 100; ++n) EXPECT_LT(claim(1, 1, 100), 100u);
  EXPECT_EQ(claim(4, 1, 100), 0u);
}

TEST_F(UnitBitmapTest, FindsTheOneUnitThatIsFreeWhereverItIs) {
  for (const uint32_t unit : {1u, 63u, 64u, 65u, 4095u, 4096u, 8191u, 8192u, kUnits - 1}) {
    bitmap_.release(unit, 1);
    EXPECT_EQ(claim(1, 1, kUnits), unit);
    EXPECT_EQ(claim(1, 1, kUnits), 0u);
  }
}

// The hint has moved up; what is freed below it must not be forgotten.
TEST_F(UnitBitmapTest, FindsWhatIsFreedBelowWhereItLookedLast) {
  bitmap_.release(kUnits - 1, 1);
  EXPECT_EQ(claim(1, 1, kUnits), kUnits - 1);
  bitmap_.release(3, 1);
  EXPECT_EQ(claim(1, 1, kUnits), 3u);
}

TEST_F(UnitBitmapTest, RunsOfAnyLengthAndAlignmentAreFreeAndAligned) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    if (bitmap_.free_units() == 0) release_all();
    const auto count = static_cast<uint32_t>(1 + random() % 200);
    const uint32_t align = 1u << random() % 8;
    std::vector<bool> was_free(kUnits);
    for (uint32_t unit = 1; unit < kUnits; ++unit) was_free[unit] = bitmap_.is_free(unit);
    const uint32_t first = claim(count, align, kUnits);
    if (first == 0) {
      while (claim(1, 1, kUnits) != 0) continue;
      continue;
    }
    ASSERT_EQ(first % align, 0u);
    for (uint32_t unit = first; unit < first + count; ++unit) {
      ASSERT_TRUE(was_free[unit]);
      ASSERT_FALSE(bitmap_.is_free(unit));
    }
    expect_count_agrees();
  }
}

TEST_F(UnitBitmapTest, ARunThatFitsExactlyIsFound) {
  bitmap_.release(100, 200);
  EXPECT_EQ(claim(201, 1, kUnits), 0u);
  EXPECT_EQ(claim(200, 1, kUnits), 100u);
  bitmap_.release(100, 200);
  EXPECT_EQ(claim(64, 64, kUnits), 128u);
  EXPECT_EQ(claim(64, 64, kUnits), 192u);
  EXPECT_EQ(claim(64, 64, kUnits), 0u);
  expect_count_agrees();
}

TEST_F(UnitBitmapTest, AlignmentCountsFromAddressZeroNotFromTheWindow) {
  start_at(1000003);
  release_all();
  for (const uint32_t align : {2u, 16u, 128u}) {
    for (int round = 0; round < 10; ++round) {
      const uint32_t first = claim(3, align, kUnits);
      ASSERT_NE(first, 0u);
      EXPECT_EQ((1000003 + first) % align, 0u);
    }
  }
}

TEST_F(UnitBitmapTest, AnExactClaimThatMeetsAUsedUnitGivesBackAllItHad) {
  for (const uint32_t used : {10u, 63u, 64u, 100u, 127u, 128u, 299u}) {
    bitmap_.release(10, 290);
    ASSERT_TRUE(bitmap_.claim_exactly(used, 1));
    EXPECT_FALSE(bitmap_.claim_exactly(10, 290)) << used;
    EXPECT_EQ(bitmap_.free_units(), 289) << used;
    expect_count_agrees();
    bitmap_.release(used, 1);
    EXPECT_TRUE(bitmap_.claim_exactly(10, 290)) << used;
    EXPECT_EQ(bitmap_.free_units(), 0) << used;
    EXPECT_EQ(claim(1, 1, kUnits), 0u) << used;
  }
}

TEST_F(UnitBitmapTest, WhatAFailedExactClaimGaveBackIsFoundAgain) {
  bitmap_.release(10, 50);
  EXPECT_FALSE(bitmap_.claim_exactly(10, 51));
  EXPECT_EQ(claim(50, 1, kUnits), 10u);
}

TEST_F(UnitBitmapTest, NextRunTellsRunsInOrderAndCutsThemAtTheLimit) {
  bitmap_.release(5, 3);
  bitmap_.release(60, 200);
  UnitBitmap::Run run = bitmap_.next_run(1, kUnits);
  EXPECT_EQ(run.first, 5u);
  EXPECT_EQ(run.count, 3u);
  run = bitmap_.next_run(8, kUnits);
  EXPECT_EQ(run.first, 60u);
  EXPECT_EQ(run.count, 200u);
  run = bitmap_.next_run(100, 130);
  EXPECT_EQ(run.first, 100u);
  EXPECT_EQ(run.count, 30u);
  EXPECT_EQ(bitmap_.next_run(260, kUnits).count, 0u);
}

// What one thread holds in the test below, and the map of all units in which every holder signs.
class Holder {
 public:
  Holder(UnitBitmap& bitmap, std::vector<std::atomic<int>>& owned, unsigned seed)
      : bitmap_(bitmap), owned_(owned), random_(seed) {}

  void claim() {
    const uint32_t count = below(3) == 0 ? 1 : 1 + below(150);
    uint32_t first = bitmap_.claim(count, 1u << below(4), kUnits, UnitBitmap::Reach::kAll);
    if (first == 0 && below(2) == 0) {
      const uint32_t wanted = 1 + below(kUnits - 200);
      first = bitmap_.claim_exactly(wanted, count) ? wanted : 0;
    }
    if (first == 0) return;
    for (uint32_t unit = first; unit < first + count; ++unit) overlaps_ += owned_[unit].exchange(1);
    held_.push_back({first, count});
  }

  void release_one() {
    std::swap(held_[below(static_cast<uint32_t>(held_.size()))], held_.back());
    const UnitBitmap::Run run = held_.back();
    held_.pop_back();
    for (uint32_t unit = run.first; unit < run.first + run.count; ++unit) owned_[unit] = 0;
    bitmap_.release(run.first, run.count);
  }

  void run(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      if (held_.size() < 20 && below(2) == 0) claim();
      else if (!held_.empty()) release_one();
    }
    while (!held_.empty()) release_one();
    EXPECT_EQ(overlaps_, 0);
  }

 private:
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }

  UnitBitmap& bitmap_;
  std::vector<std::atomic<int>>& owned_;
  std::minstd_rand random_;
  std::vector<UnitBitmap::Run> held_;
  int overlaps_ = 0;
};

// A call of bounded steps does not walk a heap of any size; one that may take its time finds what is there.
TEST(UnitBitmapReach, ABoundedClaimLooksAtSoMuchFromTheFirstFreeUnitOn) {
  constexpr uint32_t kMany = 64 * 64 * 40;
  std::vector<std::atomic<uint64_t>> words(kMany / 64 + 1), summary(kMany / 64 / 64 + 1);
  UnitBitmap bitmap;
  bitmap.init(words.data(), summary.data(), 0);
  for (uint32_t unit = 1; unit < kMany - 8; unit += 2) bitmap.release(unit, 1);  // nothing fits
  bitmap.release(kMany - 7, 7);
  EXPECT_EQ(bitmap.claim(4, 1, kMany, UnitBitmap::Reach::kBounded), 0u);
  EXPECT_GE(bitmap.claim(4, 1, kMany, UnitBitmap::Reach::kAll), kMany - 8);
  bitmap.release(10, 1);
  EXPECT_EQ(bitmap.claim(3, 1, kMany, UnitBitmap::Reach::kBounded), 9u);
}

TEST_F(UnitBitmapTest, ClaimsOfSeveralThreadsNeverOverlapAndNothingIsLost) {
  release_all();
  std::vector<std::atomic<int>> owned(kUnits);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] { Holder(bitmap_, owned, t + 1).run(20000); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(bitmap_.free_units(), kUnits - 1);
  expect_count_agrees();
  for (uint32_t n = 1; n < kUnits; ++n) ASSERT_NE(claim(1, 1, kUnits), 0u) << "a summary bit is missing";
}

}  // namespace
}  // namespace reslab
