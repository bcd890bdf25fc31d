// SPDX-License-Identifier: Apache-2.0
// sync/tagged_stack: last in, first out; nothing lost or doubled by threads, by re-entry, or by a pop that slept.
#include "sync/tagged_stack.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <thread>
#include <vector>

namespace reslab {
namespace {

constexpr uint32_t kNodes = 64;

class TaggedStackTest : public testing::Test {
 protected:
  auto links() {
    return [this](uint32_t index) -> std::atomic<uint32_t>& { return next_[index]; };
  }
  // Links that run `meanwhile` once, between a pop's or push's look at the head and its exchange.
  template <class Meanwhile>
  auto interrupted(Meanwhile meanwhile) {
    auto left = std::make_shared<bool>(true);
    return [this, left, meanwhile](uint32_t index) -> std::atomic<uint32_t>& {
      if (*left) {
        *left = false;
        meanwhile();
      }
      return next_[index];
    };
  }

  TaggedStack stack_;
  std::array<std::atomic<uint32_t>, kNodes + 1> next_ = {};
};

TEST_F(TaggedStackTest, GivesBackTheLastFirst) {
  EXPECT_TRUE(stack_.empty());
  EXPECT_EQ(stack_.pop(links()), 0u);
  for (uint32_t i = 1; i <= 3; ++i) EXPECT_TRUE(stack_.push(i, links()));
  EXPECT_FALSE(stack_.empty());
  EXPECT_EQ(stack_.peek(), 3u);
  for (uint32_t i = 3; i >= 1; --i) EXPECT_EQ(stack_.pop(links()), i);
  EXPECT_TRUE(stack_.empty());
  EXPECT_EQ(stack_.peek(), 0u);
}

TEST_F(TaggedStackTest, HoldsTheLargestIndex) {
  std::atomic<uint32_t> link{7};
  auto only = [&](uint32_t) -> std::atomic<uint32_t>& { return link; };
  EXPECT_TRUE(stack_.push(TaggedStack::kMaxIndex, only));
  EXPECT_EQ(link.load(), 0u);
  EXPECT_EQ(stack_.pop(only), TaggedStack::kMaxIndex);
  EXPECT_TRUE(stack_.empty());
}

TEST_F(TaggedStackTest, ResetForgetsEverything) {
  stack_.push(1, links());
  stack_.reset();
  EXPECT_TRUE(stack_.empty());
  EXPECT_TRUE(stack_.push(2, links()));
  EXPECT_EQ(stack_.pop(links()), 2u);
  EXPECT_TRUE(stack_.empty());
}

// The ABA case: the pop has read that 2 lies below 1; meanwhile both are popped and 1 comes back alone.
TEST_F(TaggedStackTest, APopThatSleptSeesThatTheSameHeadIsAnotherOne) {
  stack_.push(2, links());
  stack_.push(1, links());
  const uint32_t popped = stack_.pop(interrupted([this] {
    EXPECT_EQ(stack_.pop(links()), 1u);
    EXPECT_EQ(stack_.pop(links()), 2u);
    next_[1].store(0);
    EXPECT_TRUE(stack_.push(1, links()));
  }));
  EXPECT_EQ(popped, 1u);
  EXPECT_TRUE(stack_.empty()) << "2 was popped by the interrupting frame and belongs to it";
}

TEST_F(TaggedStackTest, APushThatWasInterruptedKeepsWhatTheInterruptionPushed) {
  EXPECT_TRUE(stack_.push(1, interrupted([this] { EXPECT_TRUE(stack_.push(2, links())); })));
  EXPECT_EQ(stack_.pop(links()), 1u);
  EXPECT_EQ(stack_.pop(links()), 2u);
  EXPECT_TRUE(stack_.empty());
}

TEST_F(TaggedStackTest, APushThatAlwaysLosesGivesUpAndLeavesTheNodeToItsCaller) {
  int races = 0;
  auto losing = [&](uint32_t index) -> std::atomic<uint32_t>& {
    if (index == 1) {
      ++races;
      stack_.push(2, links());
      stack_.pop(links());
    }
    return next_[index];
  };
  EXPECT_FALSE(stack_.push(1, losing));
  EXPECT_EQ(races, kCasTries);
  EXPECT_TRUE(stack_.empty());
}

TEST_F(TaggedStackTest, APopThatAlwaysLosesGivesUpAndTakesNothing) {
  stack_.push(1, links());
  auto losing = [&](uint32_t index) -> std::atomic<uint32_t>& {
    stack_.push(2, links());
    stack_.pop(links());
    return next_[index];
  };
  EXPECT_EQ(stack_.pop(losing), 0u);
  EXPECT_EQ(stack_.pop(links()), 1u);
}

TEST_F(TaggedStackTest, NoNodeIsLostOrDoubledBetweenThreads) {
  for (uint32_t i = 1; i <= kNodes; ++i) ASSERT_TRUE(stack_.push(i, links()));
  std::array<std::atomic<int>, kNodes + 1> owned = {};
  std::atomic<int> twice{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < 100000; ++round) {
        const uint32_t node = stack_.pop(links());
        if (node == 0) continue;
        if (owned[node].exchange(1) != 0) ++twice;
        owned[node].store(0);
        while (!stack_.push(node, links())) continue;  // ends: a push is lost only to somebody else's success
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(twice.load(), 0);
  uint32_t left = 0;
  while (stack_.pop(links()) != 0) ++left;
  EXPECT_EQ(left, kNodes);
}

}  // namespace
}  // namespace reslab
