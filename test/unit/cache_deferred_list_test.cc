// SPDX-License-Identifier: Apache-2.0
// cache/deferred_list: objects that a nolock free left for later, linked through themselves.
// For lesson 4 of docs/lessons.md.
#include "cache/deferred_list.h"

#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "heap/root.h"
#include "support/opaque.h"

namespace reslab {
namespace {

class DeferredListTest : public testing::Test {
 protected:
  void SetUp() override {
    for (void*& object : objects_) object = reslab_malloc(48);
  }
  void TearDown() override {
    for (void* object : objects_) reslab_free(object);
  }

  DeferredList list_ = {};
  std::vector<void*> objects_ = std::vector<void*>(DeferredList::kMaxLength + 10);
};

TEST_F(DeferredListTest, GivesBackWhatWasPushedLastFirst) {
  EXPECT_EQ(list_.pop(), nullptr);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(list_.push(objects_[i]));
  EXPECT_EQ(list_.length(), 3u);
  for (int i = 2; i >= 0; --i) EXPECT_EQ(list_.pop(), objects_[i]);
  EXPECT_EQ(list_.pop(), nullptr);
  EXPECT_EQ(list_.length(), 0u);
}

TEST_F(DeferredListTest, TakesObjectsOfEverySize) {
  void* other[] = {reslab_malloc(16), reslab_malloc(5000), reslab_malloc(200000), reslab_malloc(3 << 20)};
  for (void* object : other) EXPECT_TRUE(list_.push(object));
  std::reverse(std::begin(other), std::end(other));
  for (void* object : other) {
    EXPECT_EQ(list_.pop(), object);
    reslab_free(object);
  }
}

TEST_F(DeferredListTest, IsBoundedInLength) {
  uint32_t taken = 0;
  while (taken < objects_.size() && list_.push(objects_[taken])) ++taken;
  EXPECT_EQ(taken, DeferredList::kMaxLength);
  EXPECT_NE(list_.pop(), nullptr);
  EXPECT_TRUE(list_.push(objects_[taken]));
}

TEST_F(DeferredListTest, NoLinkIsAnAddressOrAnIndexInTheClear) {
  for (int i = 0; i < 3; ++i) list_.push(objects_[i]);
  for (int i = 0; i < 3; ++i) {
    const uint64_t link = *static_cast<uint64_t*>(objects_[i]);
    const uintptr_t base = arena().window().base;
    EXPECT_FALSE(link >= base && link - base < uint64_t{arena().window().units} << kUnitShift);
    EXPECT_GT(link, uint64_t{1} << 36) << "an index would be smaller";
  }
}

TEST_F(DeferredListTest, ALinkGoesWithItsObjectFromTheList) {
  for (int i = 0; i < 3; ++i) list_.push(objects_[i]);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*static_cast<uint64_t*>(unit::opaque(list_.pop())), 0u);
}

TEST_F(DeferredListTest, AWalkSeesEveryObjectOnce) {
  for (int i = 0; i < 100; ++i) list_.push(objects_[i]);
  std::vector<void*> seen;
  EXPECT_TRUE(list_.for_each([&](void* object) {
    seen.push_back(object);
    return true;
  }));
  std::reverse(seen.begin(), seen.end());
  EXPECT_TRUE(std::equal(seen.begin(), seen.end(), objects_.begin()));
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_FALSE(list_.for_each([](void*) { return false; }));
}

TEST_F(DeferredListTest, AnObjectThatWasWrittenAfterItsFreeIsReported) {
  list_.push(objects_[0]);
  list_.push(objects_[1]);
  *static_cast<uint64_t*>(unit::opaque(objects_[1])) = 0x4141414141414141;
  EXPECT_FALSE(list_.for_each([](void*) { return true; }));
  EXPECT_EXIT(list_.pop(), testing::KilledBySignal(SIGABRT),
              "reslab: object 0x[0-9a-f]+ was written after it was freed: its deferred-free link is damaged");
}

TEST_F(DeferredListTest, NoObjectIsLostOrDoubledBetweenThreads) {
  std::atomic<uint32_t> out{0};
  for (uint32_t i = 0; i < 200; ++i) ASSERT_TRUE(list_.push(objects_[i]));
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(t + 1);
      std::vector<void*> held;
      for (int round = 0; round < 100000; ++round) {
        if (random() % 2 == 0) {
          void* object = list_.pop();
          if (object == nullptr) continue;
          memset(object, static_cast<int>(t), 48);  // a user's bytes, links of others not excepted
          held.push_back(object);
        } else if (!held.empty()) {
          if (list_.push(held.back())) held.pop_back();
        }
      }
      for (void* object : held) {
        EXPECT_EQ(static_cast<char*>(object)[47], static_cast<char>(t)) << "an object has two owners";
        ++out;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  uint32_t left = 0;
  while (list_.pop() != nullptr) ++left;
  EXPECT_EQ(left + out, 200u);
}

}  // namespace
}  // namespace reslab
