// SPDX-License-Identifier: Apache-2.0
// cache/magazine: a magazine is drained from another CPU while its own threads use it; every object stays in exactly one
// place (3). The experiment that decided the closed header's value, here for as long as it took to fail then.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "cache/drain.h"
#include "cache/magazine.h"
#include "support/regions.h"

namespace reslab {
namespace {

using std::chrono::steady_clock;

constexpr ClassId kClass = 8;
const ClassInfo& info = class_info(kClass);
constexpr uint64_t kEnough = 500;
constexpr uint32_t kTokens = 6;  // few, so that the magazine runs empty and full all the time

std::array<std::atomic<int>, kTokens> owned;
std::array<std::atomic<void*>, kTokens> returned;  // drained tokens on their way back to the worker
std::atomic<uint64_t> owned_twice, drained, pushed_twice, strange;

void own(void* token) {
  const uintptr_t number = unit::token_number(token);
  if (number >= kTokens) ++strange;
  else owned_twice += owned[number].exchange(1) != 0 ? 1 : 0;
}

void disown(void* token) {
  const uintptr_t number = unit::token_number(token);
  if (number < kTokens) owned[number].store(0);
}

void take_drained(ClassId, void* token) {
  ++drained;
  own(token);
  disown(token);
  const uintptr_t number = unit::token_number(token);
  if (number < kTokens) returned[number].store(token);
}

class DrainTest : public unit::OwnRegions {
 protected:
  void SetUp() override {
    unit::OwnRegions::SetUp();
    for (auto& owner : owned) owner = 0;
    for (uint32_t i = 0; i < kTokens; ++i) returned[i] = unit::token(i);
    owned_twice = drained = pushed_twice = strange = 0;
  }

  void open_all(uint32_t capacity) {
    for (uint32_t slot = 0; slot < slots(); ++slot)
      header(slot, kClass).store(header_of(info.begin, info.begin + capacity));
  }
  void drain_all() {
    for (uint32_t slot = 0; slot < slots(); ++slot) magazine_drain(slot, kClass, take_drained);
  }

  // For so long, and longer on a busy machine where the drains meet few tokens.
  void drain_for(std::chrono::seconds time) {
    const auto end = steady_clock::now() + time, deadline = end + std::chrono::seconds(20);
    while (steady_clock::now() < end || (drained < kEnough && steady_clock::now() < deadline)) drain_all();
  }

  // Puts what was drained back into the magazine and moves what is there out and in again, as fast as it can: a drain
  // must meet sections in flight.
  static void move_tokens(const std::atomic<bool>& stop) {
    while (!stop) {
      for (std::atomic<void*>& place : returned) {
        void* token = place.load(std::memory_order_relaxed) != nullptr ? place.exchange(nullptr) : nullptr;
        if (token != nullptr) push_or_return(token);
      }
      for (int round = 0; round < 20; ++round) {
        const PopResult popped = magazine_pop(kClass);
        void* hand[kTokens] = {popped.object};
        // A batch also finds what the fallback's hint hides.
        const uint32_t n = popped.section == Section::kDone ? 1 : magazine_pop_batch(kClass, hand, kTokens);
        if (n == 0) break;
        for (uint32_t i = 0; i < n; ++i) own(hand[i]);
        for (uint32_t i = 0; i < n; ++i) disown(hand[i]);
        for (uint32_t i = 0; i < n; ++i) push_or_return(hand[i]);
      }
    }
  }

  static void push_or_return(void* token) {
    const Section section = magazine_push(kClass, token);
    if (section == Section::kSameAsTop) ++pushed_twice;
    if (section == Section::kDone) return;
    const uintptr_t number = unit::token_number(token);
    if (number < kTokens) returned[number] = token;
  }

  void expect_every_token_once() {
    EXPECT_EQ(owned_twice.load(), 0u);
    EXPECT_EQ(pushed_twice.load(), 0u);
    EXPECT_EQ(strange.load(), 0u) << "something that is no token came out of the magazine";
    std::array<int, kTokens> seen = {};
    for (const std::atomic<void*>& place : returned) {
      if (place != nullptr) ++seen[unit::token_number(place)];
    }
    for (uint32_t slot = 0; slot < slots(); ++slot) {
      const uint32_t end = in_rseq_mode() ? header_top(header(slot, kClass)) : info.begin + info.magazine;
      for (uint32_t i = info.begin; i < end; ++i) {
        void* token = reinterpret_cast<void*>(words(slot)[i]);
        if (token != nullptr && unit::token_number(token) < kTokens) ++seen[unit::token_number(token)];
      }
      EXPECT_EQ(words(slot)[info.begin - 1], 0u);
      EXPECT_EQ(words(slot)[kClosedTop - 1], 0u);
      EXPECT_NE(header_end(header(slot, kClass)), 0u) << "every magazine is open again";
    }
    for (uint32_t i = 0; i < kTokens; ++i) EXPECT_EQ(seen[i], 1) << "token " << i;
  }
};

TEST_F(DrainTest, TakesEverythingOnceAndLeavesTheMagazineOpen) {
  open_all(info.magazine);
  for (uint32_t slot = 0; slot < slots(); ++slot) {
    for (uint32_t i = 0; i < 3; ++i)
      words(slot)[info.begin + i] = reinterpret_cast<uint64_t>(unit::token(slot * 3 + i));
    header(slot, kClass).store(header_of(info.begin + 3, info.begin + 9));
  }
  std::vector<uintptr_t> seen;
  static std::vector<uintptr_t>* into;
  into = &seen;
  for (uint32_t slot = 0; slot < slots(); ++slot) {
    EXPECT_TRUE(magazine_drain(slot, kClass, [](ClassId, void* token) { into->push_back(unit::token_number(token)); }));
    EXPECT_EQ(header(slot, kClass).load(), header_of(info.begin, info.begin + 9));
  }
  ASSERT_EQ(seen.size(), slots() * 3);
  std::sort(seen.begin(), seen.end());
  for (uintptr_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i);
}

TEST_F(DrainTest, LeavesUntouchedAndEmptyMagazinesAsTheyAre) {
  for (const uint64_t state : {uint64_t{0}, header_of(info.begin, info.begin + 4)}) {
    header(0, kClass).store(state);
    EXPECT_TRUE(magazine_drain(0, kClass, take_drained));
    EXPECT_EQ(header(0, kClass).load(), state);
  }
  EXPECT_EQ(drained.load(), 0u);
}

// Without sections `top` is a hint, and a lost race leaves objects above it.
TEST_F(DrainTest, InFallbackModeFindsWhatTheHintHides) {
  if (in_rseq_mode()) GTEST_SKIP() << "sections have no hint: their top is exact";
  for (uint32_t i = 0; i < 3; ++i) words(0)[info.begin + i] = reinterpret_cast<uint64_t>(unit::token(i));
  header(0, kClass).store(header_of(info.begin, info.begin + 9));
  EXPECT_TRUE(magazine_drain(0, kClass, take_drained));
  EXPECT_EQ(drained.load(), 3u);
}

TEST_F(DrainTest, LosesAndDoublesNothingWhileAnotherCpuPushesAndPops) {
  open_all(4);  // less than there are tokens
  const std::vector<int> cpus = unit::allowed_cpus();
  std::atomic<bool> stop{false};
  std::thread worker([&] {
    const unit::Pinned pinned(cpus.front());
    move_tokens(stop);
  });
  {
    const unit::Pinned pinned(cpus.back());
    drain_for(std::chrono::seconds(3));
  }
  stop = true;
  worker.join();
  EXPECT_GE(drained.load(), kEnough);
  expect_every_token_once();
}

TEST_F(DrainTest, LosesAndDoublesNothingBetweenThreadsThatMigrate) {
  open_all(4);
  std::atomic<bool> stop{false};
  std::vector<std::thread> workers;
  for (int t = 0; t < 3; ++t) {
    workers.emplace_back([&] { move_tokens(stop); });
  }
  drain_for(std::chrono::seconds(2));
  stop = true;
  for (std::thread& worker : workers) worker.join();
  EXPECT_GE(drained.load(), kEnough);
  expect_every_token_once();
}

}  // namespace
}  // namespace reslab
