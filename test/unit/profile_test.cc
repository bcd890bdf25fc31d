// SPDX-License-Identifier: Apache-2.0
// profile: which allocations are picked, and what their sites count. With tables of its own, since nothing here asks for a
// profile by an option.
#include "profile/profile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "heap/account.h"

namespace reslab {
namespace {

constexpr uint64_t kRate = 10'000;

ProfileTables own_tables;

class Profile : public testing::Test {
 protected:
  void SetUp() override {
    own_tables.rate = kRate;
    profile_tables.store(&own_tables);
    thread_line.until_sample.store(0);
  }
  void TearDown() override { profile_tables.store(nullptr); }

  static uint64_t picked_of(uint64_t allocations, size_t bytes) {
    uint64_t picked = 0;
    for (uint64_t i = 0; i < allocations; ++i) picked += profile_picks(bytes) ? 1 : 0;
    return picked;
  }
};

// Four standard deviations of a sum of independent picks: a fair sampler fails once in 16,000 runs, and the draws are the
// same in each.
void expect_picked(uint64_t picked, uint64_t allocations, size_t bytes) {
  const double chance = -std::expm1(-static_cast<double>(bytes) / kRate);
  const double expected = static_cast<double>(allocations) * chance;
  const double deviation = std::sqrt(expected * (1 - chance)) + 1;
  EXPECT_NEAR(static_cast<double>(picked), expected, 4 * deviation) << bytes << " bytes";
}

TEST_F(Profile, PicksWithTheChanceOfTheBytes) {
  for (const size_t bytes : {1, 16, 100, 1000, 10'000, 30'000, 1'000'000}) {
    const uint64_t allocations = bytes < 100 ? 10'000'000 : 200'000;
    expect_picked(picked_of(allocations, bytes), allocations, bytes);
  }
}

TEST_F(Profile, BeginsWithAFreshDrawOnEachThread) {
  constexpr uint64_t kThreads = 100'000;
  uint64_t picked = 0;
  for (uint64_t i = 0; i < kThreads; ++i) {
    thread_line.until_sample.store(0);
    picked += profile_picks(1000) ? 1 : 0;
  }
  expect_picked(picked, kThreads, 1000);
}

TEST_F(Profile, PicksEveryHugeAllocation) {
  EXPECT_EQ(picked_of(1000, PTRDIFF_MAX), 1000u);
  EXPECT_EQ(picked_of(1000, size_t{5} << 30), 1000u);
}

TEST(ProfileDraw, IsExponential) {
  std::mt19937_64 bits(7);
  constexpr int kDraws = 1'000'000;
  double sum = 0;
  int above_median = 0, above_four = 0;
  for (int i = 0; i < kDraws; ++i) {
    const uint32_t distance = draw_distance(kRate, bits());
    ASSERT_GT(distance, 0u);
    sum += distance;
    above_median += distance > kRate * 0.693147 ? 1 : 0;
    above_four += distance > 4 * kRate ? 1 : 0;
  }
  EXPECT_NEAR(sum / kDraws, kRate, kRate * 0.005);
  EXPECT_NEAR(above_median, kDraws / 2, kDraws * 0.003);
  EXPECT_NEAR(above_four, kDraws * 0.018316, kDraws * 0.0007);
}

TEST(ProfileDraw, TakesAnyBitsAndAnyRate) {
  for (const uint64_t rate : {uint64_t{1}, kRate, uint64_t{1} << 31, UINT64_MAX}) {
    for (const uint64_t bits : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 63, UINT64_MAX}) {
      EXPECT_GT(draw_distance(rate, bits), 0u);
    }
  }
}

[[gnu::noinline]] uint32_t account_here(uint32_t group) { return sampled_account(group); }

TEST_F(Profile, CountsWhatComesGrowsAndGoes) {
  const uint32_t account = account_here(0);
  ASSERT_GE(account, kFirstSiteAccount);
  ASSERT_TRUE(account_exists(account));
  EXPECT_EQ(group_of_account(account), 0u);
  const ProfileSite& site = own_tables.sites[account - kFirstSiteAccount];
  EXPECT_GT(site.depth.load(), 1u);
  ASSERT_TRUE(account_open(account, 64));
  ASSERT_TRUE(account_open(account, 100));
  ASSERT_TRUE(account_grow(account, 1000));
  account_shrink(account, 600);
  EXPECT_EQ(site.live_objects.load(), 2);
  EXPECT_EQ(site.live_bytes.load(), 564);
  account_close(account, 500);
  account_close(account, 64);
  EXPECT_EQ(site.live_objects.load(), 0);
  EXPECT_EQ(site.live_bytes.load(), 0);
  EXPECT_EQ(site.all_objects.load(), 2u);
  EXPECT_EQ(site.all_bytes.load(), 1164u);
}

TEST_F(Profile, HasOneSiteForEachStack) {
  uint32_t same[2];
  const volatile int times = 2;  // so that the compiler makes one call of it
  for (int i = 0; i < times; ++i) same[i] = account_here(0);
  EXPECT_EQ(same[0], same[1]);
  EXPECT_NE(account_here(0), same[0]) << "called from another line";
}

TEST_F(Profile, KnowsNoAccountThatItDidNotGive) {
  EXPECT_FALSE(account_exists(0));
  EXPECT_TRUE(account_exists(1));
  EXPECT_FALSE(account_exists(kFirstSiteAccount + ProfileTables::kSites));
  profile_tables.store(nullptr);
  EXPECT_FALSE(account_exists(kFirstSiteAccount + 1));
}

}  // namespace
}  // namespace reslab
