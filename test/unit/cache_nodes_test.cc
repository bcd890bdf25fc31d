// SPDX-License-Identifier: Apache-2.0
// Several nodes of memory (platform/topology, cache/homeward): what is freed elsewhere goes home, what is wanted is looked
// for at home first, and elsewhere before nothing is had. Run with invented nodes.
#include <gtest/gtest.h>
#include <reslab/reslab.h>
#include <sys/resource.h>

#include <atomic>
#include <functional>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "cache/cache.h"
#include "cache/cpu_state.h"
#include "heap/root.h"
#include "heap/run.h"
#include "platform/topology.h"
#include "slab/slab.h"
#include "support/audit.h"
#include "support/cpus.h"

namespace reslab {
namespace {

constexpr size_t kBytes = 512;
constexpr ClassId kClass = class_of_size(kBytes);

uint32_t node_of(const void* object) { return slab_at(place_of(object).unit).node.load(); }
uint32_t own_node() { return node_of_slot(slot_index()); }
uint64_t sent_home() {
  reslab_stats stats;
  reslab_get_stats(&stats, sizeof stats);
  return stats.sent_home;
}

// Runs on a thread of the other node than that of whoever ran last; in mode rseq on a CPU of its own, in mode fallback
// threads are numbered as they come.
class Visitor {
 public:
  void run(const std::function<void()>& visit) {
    std::thread([&] {
      const std::vector<int> cpus = unit::allowed_cpus();
      std::optional<unit::Pinned> pinned;
      if (root().cpu.mode == Mode::kRseq) pinned.emplace(cpus[turn_ % cpus.size()]);
      reslab_free(reslab_malloc(kBytes));  // the slot is ready, and knows its node
      visit();
    }).join();
    ++turn_;
  }

 private:
  size_t turn_ = 0;
};

std::vector<void*> allocate(size_t count) {
  std::vector<void*> objects(count);
  for (void*& object : objects) object = reslab_malloc(kBytes);
  return objects;
}
// Every second one is free again, so that no slab goes whole.
std::vector<void*> allocate_half(size_t count) {
  std::vector<void*> objects = allocate(count);
  for (size_t i = 0; i < count; i += 2) reslab_free(std::exchange(objects[i], nullptr));
  return objects;
}
void free_all(const std::vector<void*>& objects) {
  for (void* object : objects) reslab_free(object);
}

class NodesTest : public testing::Test {
 protected:
  void SetUp() override {
    reslab_free(reslab_malloc(kBytes));
    ASSERT_EQ(node_count(), 2u) << "to be run with the option nodes=2";
    reslab_status status;
    reslab_get_status(&status, sizeof status);
    ASSERT_EQ(status.nodes, 2u);
    if (unit::allowed_cpus().size() < 2) GTEST_SKIP() << "one CPU";
  }
  void TearDown() override { unit::expect_sound_heap(); }

  Visitor visitor_;
};

TEST_F(NodesTest, ThreadsOfTwoNodesHaveObjectsOfTheirOwn) {
  std::set<uint32_t> nodes;
  for (int round = 0; round < 2; ++round) {
    visitor_.run([&] {
      const std::vector<void*> own = allocate(1000);
      for (void* object : own) EXPECT_EQ(node_of(object), own_node());
      nodes.insert(own_node());
      free_all(own);
    });
  }
  EXPECT_EQ(nodes.size(), 2u);
}

TEST_F(NodesTest, WhatIsFreedElsewhereGoesHomeInBlocks) {
  constexpr size_t kCount = 2000;
  std::vector<void*> far;
  uint32_t home = 0;
  visitor_.run([&] {
    far = allocate(kCount);
    home = own_node();
  });
  const uint64_t before = sent_home();
  visitor_.run([&] {
    ASSERT_NE(own_node(), home);
    free_all(far);
    EXPECT_GT(sent_home(), before + kCount / 2) << "all but what the magazine holds";
    const std::vector<void*> own = allocate(kCount);
    size_t foreign = 0;
    for (void* object : own) foreign += node_of(object) == home ? 1 : 0;
    EXPECT_LE(foreign, class_info(kClass).magazine) << "more than were in the magazine";
    free_all(own);
  });
  const std::set<void*> were(far.begin(), far.end());
  visitor_.run([&] {
    ASSERT_EQ(own_node(), home);
    const std::vector<void*> again = allocate(kCount);
    size_t found = 0;
    for (void* object : again) found += were.count(object);
    EXPECT_GT(found, kCount / 2) << "they are used again where their memory is";
    free_all(again);
  });
}

TEST_F(NodesTest, BeforeNothingIsHadOtherNodesAreAsked) {
  constexpr size_t kCount = 20000;
  std::vector<void*> far;
  uint32_t home = 0;
  visitor_.run([&] {
    far = allocate_half(kCount);
    home = own_node();
  });
  visitor_.run([&] {
    ASSERT_NE(own_node(), home);
    rlimit before;
    getrlimit(RLIMIT_DATA, &before);
    const rlimit none = {1, before.rlim_max};
    setrlimit(RLIMIT_DATA, &none);  // no more memory is made writable
    size_t foreign = 0;
    void** last = nullptr;  // a list through the objects: nothing else can be had
    for (size_t left = 10 * kCount; left > 0; --left) {
      void* object = reslab_malloc(kBytes);
      if (object == nullptr) break;
      foreign += node_of(object) == home ? 1 : 0;
      *static_cast<void***>(object) = last;
      last = static_cast<void**>(object);
    }
    setrlimit(RLIMIT_DATA, &before);
    while (last != nullptr) reslab_free(std::exchange(last, static_cast<void**>(*last)));
    EXPECT_GT(foreign, kCount / 2 - 1000);
  });
  for (void* object : far) reslab_free(object);
}

TEST_F(NodesTest, ANodeThatIsNamedIsLookedAtFirst) {
  constexpr unsigned kOrder = 3;
  std::vector<void*> far;
  uint32_t home = 0;
  visitor_.run([&] {
    far = allocate_half(2000);
    far.push_back(reslab_malloc(reslab_page_size() << kOrder));
    home = own_node();
    reslab_trim(0);  // out of the magazines, into slabs that others can see
  });
  visitor_.run([&] {
    ASSERT_NE(own_node(), home);
    auto* named = static_cast<char*>(reslab_malloc_nolock(kBytes, RESLAB_NODE(home) | RESLAB_ZERO));
    ASSERT_NE(named, nullptr);
    EXPECT_EQ(node_of(named), home);
    for (size_t i = 0; i < kBytes; ++i) EXPECT_EQ(named[i], 0);
    void* own = reslab_malloc_nolock(kBytes, RESLAB_NODE(own_node()));
    EXPECT_EQ(node_of(own), own_node());
    void* nowhere = reslab_malloc_nolock(kBytes, RESLAB_NODE(9));
    EXPECT_NE(nowhere, nullptr) << "a hint, no obligation";
    EXPECT_EQ(reslab_malloc_nolock(kBytes, RESLAB_NODE(home) | 1u << 9), nullptr) << "an unknown flag";
    for (void* object : {static_cast<void*>(named), own, nowhere}) reslab_free_nolock(object);
    void* pages = reslab_pages_alloc_nolock(kOrder, RESLAB_NODE(home));
    EXPECT_EQ(node_of(pages), home);
    reslab_pages_free_nolock(pages, kOrder);
  });
  for (void* object : far) reslab_free(object);
}

// Whose memory it is stays known as long as it is there, whoever uses it next.
TEST_F(NodesTest, UnitsKeepTheNodeOfTheirFirstUse) {
  const UnitRun fresh = arena().claim_at_frontier(4, 1, Contract::kPlain);
  ASSERT_TRUE(fresh.first != 0 && fresh.zero);
  EXPECT_EQ(arena().settle_node(fresh, 1), 1u);
  EXPECT_EQ(arena().settle_node({fresh.first, fresh.count, false}, 0), 1u) << "it was used";
  EXPECT_EQ(arena().settle_node(fresh, 0), 0u) << "it was purged, and is touched anew";
  arena().release(fresh.first, fresh.count, Arena::Content::kZero);
}

// What a run grows by belongs to the node of whoever grew it, and pages that move take theirs along.
TEST_F(NodesTest, WhatARunGrowsByHasItsOwnNode) {
  constexpr uint32_t kUnits = 64;
  constexpr size_t kRunBytes = kUnits * kUnitBytes;
  const uint8_t* const nodes = arena().window().node_of;
  void* run = nullptr;
  UnitRun wall = {};
  uint32_t home = 0;
  visitor_.run([&] {
    home = own_node();
    run = run_allocate_fresh({kRunBytes, 16, Contract::kPlain, Fill::kAny, Retry::kOwnBucket});
    const UnitRun behind = arena().claim_at_frontier(kUnits, 1, Contract::kPlain);
    wall = arena().claim_at_frontier(1, 1, Contract::kPlain);
    ASSERT_EQ(behind.first, unit_of(run) + kUnits);
    ASSERT_EQ(wall.first, behind.first + kUnits);
    ASSERT_TRUE(behind.zero);
    arena().release(behind.first, kUnits, Arena::Content::kZero);
  });
  visitor_.run([&] {
    ASSERT_NE(own_node(), home);
    const uint32_t unit = unit_of(run);
    ASSERT_EQ(reslab_realloc(run, 2 * kRunBytes), run);
    EXPECT_EQ(nodes[unit + kUnits - 1], home);
    EXPECT_EQ(nodes[unit + kUnits], own_node());
    void* const moved = reslab_realloc(run, 3 * kRunBytes);
    ASSERT_NE(moved, run) << "something lies behind it";
    EXPECT_EQ(nodes[unit_of(moved) + kUnits - 1], home);
    EXPECT_EQ(nodes[unit_of(moved) + kUnits], own_node());
    run = moved;
  });
  reslab_free(run);
  arena().release(wall.first, 1, Arena::Content::kZero);
}

// The same as anywhere, and the lists of each node hold its slabs alone (the audit).
TEST_F(NodesTest, ManyThreadsPassObjectsAcrossNodes) {
  constexpr int kThreads = 4, kRounds = 40000;
  static std::atomic<void*> exchange[512];
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t] {
      uint32_t random = 77u + static_cast<uint32_t>(t);
      for (int i = 0; i < kRounds; ++i) {
        random = random * 1664525 + 1013904223;
        void* object = reslab_malloc(16 + (random >> 20));
        reslab_free(exchange[random >> 8 & 511].exchange(object));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::atomic<void*>& place : exchange) reslab_free(place.exchange(nullptr));
}

}  // namespace
}  // namespace reslab
