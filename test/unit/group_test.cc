// SPDX-License-Identifier: Apache-2.0
// group: budgets. What is charged, where limits are kept, and that nothing fails that somebody's stock could pay for.
#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "slab/slab.h"
#include "support/audit.h"
#include "support/calls.h"
#include "support/child.h"
#include "support/ledger.h"
#include "support/opaque.h"
#include "support/thread_timer.h"

namespace reslab {
namespace {

constexpr size_t kMiB = 1 << 20;

reslab_group* make(const char* name, size_t limit, reslab_group* parent = nullptr) {
  reslab_group* group =
      parent == nullptr ? reslab_group_create(name, limit) : reslab_group_create_in(parent, name, limit);
  EXPECT_NE(group, nullptr) << strerror(errno);
  return group;
}

size_t bytes_of(const void* object) { return reslab_usable_size(object); }

// --- what is charged ---------------------------------------------------------------------------------------------------

TEST(Group, ChargesWhatObjectsOccupyUntilAnyFunctionFreesThem) {
  reslab_group* group = make("sizes", 64 * kMiB);
  for (const unit::FreeingCall& freeing : unit::kFreeingCalls) {
    for (const size_t bytes : {0, 1, 16, 100, 512, 5000, 70000, 262144, 300000, 5000000}) {
      SCOPED_TRACE(testing::Message() << bytes << " " << freeing.name);
      void* object = reslab_group_malloc(group, bytes);
      ASSERT_NE(object, nullptr);
      memset(object, 0x11, bytes);
      EXPECT_EQ(reslab_group_usage(group), bytes_of(object));
      EXPECT_TRUE(unit::is_aligned(object, 16));
      freeing.free(object, bytes);
      EXPECT_EQ(reslab_group_usage(group), 0u);
    }
  }
  unit::expect_sound_heap();
  EXPECT_EQ(reslab_group_destroy(group), 0);
}

TEST(Group, NolockCallsAreChargedAsWell) {
  reslab_group* group = make("nolock", kMiB);
  char* object = static_cast<char*>(reslab_group_malloc_nolock(group, 300, RESLAB_ZERO | RESLAB_GROW));
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(std::string(object, 300), std::string(300, '\0'));
  EXPECT_EQ(reslab_group_usage(group), bytes_of(object));
  EXPECT_EQ(reslab_group_malloc_nolock(group, RESLAB_NOLOCK_MAX + 1, 0), nullptr);
  EXPECT_EQ(reslab_group_malloc_nolock(group, 16, 1u << 9), nullptr);
  reslab_free_nolock(object);
  EXPECT_EQ(reslab_group_usage(group), 0u);
  EXPECT_EQ(reslab_group_destroy(group), 0);
}

TEST(Group, ReallocChargesWhoeverWasCharged) {
  reslab_group* group = make("realloc", 64 * kMiB);
  void* object = reslab_group_malloc(group, 10);
  for (const size_t bytes : {100, 90, 40, 3000, 200000, 300000, 3000000, 9000000, 1000000, 400000, 500, 20}) {
    memset(object, 0x22, std::min<size_t>(bytes_of(object), 10));
    object = reslab_realloc(object, bytes);
    ASSERT_NE(object, nullptr);
    EXPECT_EQ(*static_cast<unsigned char*>(object), 0x22);
    EXPECT_EQ(reslab_group_usage(group), bytes_of(object)) << bytes;
  }
  ASSERT_EQ(reslab_group_set_limit(group, 4000), 0);
  errno = 0;
  EXPECT_EQ(reslab_realloc(object, 5000), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(reslab_group_usage(group), bytes_of(object));
  reslab_free(object);
  EXPECT_EQ(reslab_group_destroy(group), 0);
}

TEST(Group, ACacheMayBelongToOne) {
  reslab_group* group = make("cache", 10000);
  const reslab_cache_args args = {72, 0, 0, nullptr, group};
  reslab_cache* cache = reslab_cache_create("charged", &args);
  ASSERT_NE(cache, nullptr);
  EXPECT_EQ(reslab_group_destroy(group), EBUSY);
  std::vector<void*> objects;
  for (void* object = reslab_cache_alloc(cache); object != nullptr; object = reslab_cache_alloc(cache)) {
    EXPECT_EQ(bytes_of(object), 72u);
    objects.push_back(object);
  }
  EXPECT_EQ(objects.size(), 10000u / 72);
  EXPECT_EQ(reslab_group_usage(group), objects.size() * 72);
  EXPECT_EQ(reslab_cache_alloc_nolock(cache, RESLAB_GROW), nullptr);
  reslab_cache_free_bulk(cache, 10, objects.data());
  EXPECT_EQ(reslab_cache_alloc_bulk(cache, 20, objects.data()), 10u);
  for (void* object : objects) reslab_free(object);
  EXPECT_EQ(reslab_group_usage(group), 0u);
  unit::expect_sound_heap();
  EXPECT_EQ(reslab_cache_destroy(cache), 0);
  EXPECT_EQ(reslab_group_destroy(group), 0);
}

// --- limits ------------------------------------------------------------------------------------------------------------

// Frees on every CPU fill the stocks there; whoever comes last finds all of it.
TEST(Group, NothingFailsThatAnotherCpusStockCanPay) {
  constexpr size_t kLimit = 256 << 10;
  reslab_group* group = make("stocks", kLimit);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) reslab_free(reslab_group_malloc(group, 1000));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<void*> objects;
  errno = 0;
  for (void* object = reslab_group_malloc(group, 1024); object != nullptr; object = reslab_group_malloc(group, 1024)) {
    objects.push_back(object);
  }
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(objects.size(), kLimit / 1024);
  EXPECT_EQ(reslab_group_usage(group), kLimit);
  for (void* object : objects) reslab_free(object);
  EXPECT_EQ(reslab_group_destroy(group), 0);
}

TEST(Group, ALimitIsKeptWhenItIsLowered) {
  reslab_group* group = make("lowered", kMiB);
  void* object = reslab_group_malloc(group, 1000);
  EXPECT_EQ(reslab_group_set_limit(group, 500), EBUSY);
  EXPECT_EQ(reslab_group_set_limit(group, bytes_of(object)), 0);
  EXPECT_EQ(reslab_group_malloc(group, 16), nullptr);
  EXPECT_EQ(reslab_group_set_limit(group, SIZE_MAX), 0);
  reslab_free(reslab_group_malloc(group, 100 * kMiB));
  for (size_t limit = 2000; limit < 3000; ++limit) EXPECT_EQ(reslab_group_set_limit(group, limit), 0);
  reslab_free(object);
  EXPECT_EQ(reslab_group_destroy(group), 0);
}

TEST(Group, WhatIsInAGroupCountsForAllAroundIt) {
  reslab_group* outer = make("outer", 100000);
  reslab_group* left = make("left", 80000, outer);
  reslab_group* right = make("right", SIZE_MAX, outer);
  EXPECT_EQ(reslab_group_destroy(outer), EBUSY);
  std::vector<void*> objects;
  for (int i = 0; i < 70; ++i) objects.push_back(reslab_group_malloc(left, 1024));
  for (int i = 0; i < 27; ++i) objects.push_back(reslab_group_malloc(right, 1024));
  for (void* object : objects) ASSERT_NE(object, nullptr);
  EXPECT_EQ(reslab_group_malloc(right, 1024), nullptr);  // the outer limit
  EXPECT_EQ(reslab_group_usage(left), 70u * 1024);
  EXPECT_EQ(reslab_group_usage(right), 27u * 1024);
  EXPECT_EQ(reslab_group_usage(outer), 97u * 1024);
  for (void* object : objects) reslab_free(object);
  // The stock that frees in one have filled serves the other.
  objects.assign(97, nullptr);
  for (void*& object : objects) ASSERT_NE(object = reslab_group_malloc(right, 1024), nullptr);
  EXPECT_EQ(reslab_group_usage(left), 0u);
  for (void* object : objects) reslab_free(object);
  EXPECT_EQ(reslab_group_destroy(left), 0);
  EXPECT_EQ(reslab_group_destroy(right), 0);
  EXPECT_EQ(reslab_group_destroy(outer), 0);
}

TEST(Group, StatisticsNameGroups) {
  reslab_group* outer = make("tenants", SIZE_MAX);
  reslab_group* group = make("tenant", 5000, outer);
  void* object = reslab_group_malloc(group, 4000);
  EXPECT_EQ(reslab_group_malloc(group, 4000), nullptr);
  std::vector<reslab_group_stats> all(static_cast<size_t>(reslab_get_group_stats(nullptr, 0, 0)));
  ASSERT_EQ(all.size(), 2u);
  reslab_get_group_stats(all.data(), all.size(), sizeof all[0]);
  const reslab_group_stats& of_outer = all[0].parent == 0 ? all[0] : all[1];
  const reslab_group_stats& stats = all[0].parent == 0 ? all[1] : all[0];
  EXPECT_STREQ(stats.name, "tenant");
  EXPECT_STREQ(of_outer.name, "tenants");
  EXPECT_EQ(stats.parent, of_outer.id);
  EXPECT_EQ(of_outer.limit_bytes, SIZE_MAX);
  EXPECT_EQ(stats.limit_bytes, 5000u);
  EXPECT_EQ(stats.usage_bytes, bytes_of(object));
  EXPECT_GE(stats.peak_bytes, stats.usage_bytes);
  EXPECT_LE(stats.peak_bytes, 5000u);
  EXPECT_EQ(stats.failures, 1u);
  reslab_free(object);
  EXPECT_EQ(reslab_group_destroy(group), 0);
  EXPECT_EQ(reslab_group_destroy(outer), 0);
}

// --- scopes ------------------------------------------------------------------------------------------------------------

TEST(Group, AScopeChargesThePlainFamily) {
  reslab_group* group = make("scope", 64 * kMiB);
  for (const unit::AllocatingCall& allocating : unit::kAllocatingCalls) {
    const bool is_plain = strstr(allocating.name, "nolock") == nullptr && strstr(allocating.name, "pages") == nullptr;
    for (const size_t bytes : {24, 600, 20000}) {
      if (bytes > allocating.most) continue;
      SCOPED_TRACE(testing::Message() << allocating.name << " " << bytes);
      reslab_group_enter(group);
      void* object = allocating.allocate(bytes);
      reslab_group_leave();
      ASSERT_NE(object, nullptr);
      EXPECT_EQ(reslab_group_usage(group), is_plain ? bytes_of(object) : 0);
      void* outside = allocating.allocate(bytes);
      EXPECT_EQ(reslab_group_usage(group), is_plain ? bytes_of(object) : 0);
      reslab_free(outside);
      reslab_free(object);
      EXPECT_EQ(reslab_group_usage(group), 0u);
    }
  }
  EXPECT_EQ(reslab_group_destroy(group), 0);
}

// Where the kernel may not be entered, the record of a group that has gone serves again, wherever it stands.
TEST(Group, IsMadeInANolockScopeOfOneThatHasGone) {
  ASSERT_EQ(reslab_group_destroy(make("gone", kMiB)), 0);
  const unsigned scope = reslab_nolock_save();
  reslab_group* group = make("again", kMiB);
  reslab_nolock_restore(scope);
  ASSERT_NE(group, nullptr);
  EXPECT_EQ(reslab_group_destroy(group), 0);
}

TEST(Group, ScopesNestAndAreOfOneThread) {
  reslab_group* groups[7];
  for (reslab_group*& group : groups) group = make("nested", kMiB);
  std::vector<void*> objects;
  const auto charge_one = [&] { objects.push_back(reslab_malloc(64)); };
  for (reslab_group* group : groups) {
    for (int twice = 0; twice < 2; ++twice) {
      reslab_group_enter(group);
      charge_one();
    }
  }
  std::thread([&] { charge_one(); }).join();
  EXPECT_EQ(reslab_group_usage(groups[0]), 128u);
  EXPECT_EQ(reslab_group_usage(groups[4]), 128u + 4 * 64);  // those below it have no place
  EXPECT_EQ(reslab_group_usage(groups[6]), 0u);
  for (int left = 14; left > 9; --left) reslab_group_leave();
  charge_one();
  EXPECT_EQ(reslab_group_usage(groups[4]), 128u + 5 * 64);
  for (int left = 9; left > 1; --left) reslab_group_leave();
  charge_one();
  EXPECT_EQ(reslab_group_usage(groups[0]), 192u);
  reslab_group_enter(nullptr);
  charge_one();
  EXPECT_EQ(reslab_group_usage(groups[0]), 192u);
  reslab_group_leave();
  reslab_group_leave();
  charge_one();
  reslab_group_leave();  // one too many
  charge_one();
  EXPECT_EQ(reslab_group_usage(groups[0]), 192u);
  for (void* object : objects) reslab_free(object);
  for (reslab_group* group : groups) EXPECT_EQ(reslab_group_destroy(group), 0);
}

TEST(Group, MemoryOfOthersStaysInItsClass) {
  reslab_group* group = make("others", kMiB);
  reslab_group_enter(group);
  reslab_group_leave();
  void* object = reslab_malloc(100);
  EXPECT_LT(place_of(object).cls, kMallocClasses);
  reslab_free(object);
  EXPECT_EQ(unit::opaque(reslab_malloc(100)), object) << "the fast path's magazine still serves it";
  reslab_free(object);
  EXPECT_EQ(reslab_group_destroy(group), 0);
}

// --- the end, misuse, fork ---------------------------------------------------------------------------------------------

TEST(GroupDeathTest, MisuseIsReported) {
  reslab_group* group = make("gone", kMiB);
  void* object = reslab_group_malloc(group, 50);
  EXPECT_EQ(reslab_group_destroy(group), EBUSY);
  const auto died = testing::KilledBySignal(SIGABRT);
  EXPECT_EXIT((reslab_free(object), reslab_free(object)), died, "free.*double free");
  EXPECT_EXIT(reslab_free(static_cast<char*>(object) + 16), died, "not the start of an object");
  reslab_free(object);
  EXPECT_EQ(reslab_group_destroy(group), 0);
  EXPECT_EQ(reslab_group_destroy(nullptr), 0);
  EXPECT_EXIT((void)unit::opaque(reslab_group_malloc(group, 1)), died, "the group gone was destroyed");
  EXPECT_EXIT(reslab_group_enter(group), died, "the group gone was destroyed");
  EXPECT_EXIT(reslab_group_enter(reinterpret_cast<reslab_group*>(&object)), died, "no group");
}

TEST(Group, AChildUnchargesWhatItFrees) {
  reslab_group* group = make("forked", kMiB);
  std::vector<void*> objects;
  for (int i = 0; i < 500; ++i) objects.push_back(reslab_group_malloc(group, 200));
  const size_t usage = reslab_group_usage(group);
  unit::in_child([&] {
    EXPECT_EQ(reslab_group_usage(group), usage);
    for (void* object : objects) reslab_free(object);
    EXPECT_EQ(reslab_group_usage(group), 0u);
    unit::expect_sound_heap();
    EXPECT_EQ(reslab_group_destroy(group), 0);
  });
  EXPECT_EQ(reslab_group_usage(group), usage);
  for (void* object : objects) reslab_free(object);
  EXPECT_EQ(reslab_group_destroy(group), 0);
}

// --- many at once ------------------------------------------------------------------------------------------------------

// What a thread has out, for it and its handlers: slots taken by exchange, so that a handler may come at any moment.
struct Holder {
  static constexpr int kSlots = 64;
  std::atomic<void*> slots[kSlots] = {};

  void step(reslab_group* group, uint32_t random) {
    std::atomic<void*>& slot = slots[random % kSlots];
    void* object = slot.exchange(nullptr);
    if (object != nullptr) return random & 1024 ? reslab_free(object) : reslab_free_nolock(object);
    const size_t bytes = random >> 16 & 3071;
    object = random & 2048 ? reslab_group_malloc(group, bytes) : reslab_group_malloc_nolock(group, bytes, RESLAB_GROW);
    if (object == nullptr) return;
    void* other = slot.exchange(object);
    if (other != nullptr) reslab_free(other);  // a handler's
  }
  size_t held() const {
    size_t bytes = 0;
    for (const std::atomic<void*>& slot : slots) {
      if (slot.load() != nullptr) bytes += bytes_of(slot.load());
    }
    return bytes;
  }
};

reslab_group* stormed = nullptr;
thread_local Holder* holder = nullptr;
std::atomic<uint64_t> handled{0};

void handle(int) {
  const int saved = errno;
  const uint64_t n = handled.fetch_add(1) * 2654435761u;
  for (uint32_t i = 0; i < 4; ++i) holder->step(stormed, static_cast<uint32_t>(n >> 3) + i * 40503);
  errno = saved;
}

reslab_group_stats stats_of(const char* name) {
  reslab_group_stats groups[64] = {};
  const int count = reslab_get_group_stats(groups, 64, sizeof groups[0]);
  for (int i = 0; i < count && i < 64; ++i) {
    if (strcmp(groups[i].name, name) == 0) return groups[i];
  }
  ADD_FAILURE() << "there is no group " << name;
  return {};
}

// A million operations of eight threads and their handlers, while the inner limit changes, now above the outer one and now
// below: neither is ever crossed, not for a moment, and at the end what is used is what is held.
TEST(Group, UsageIsTheSumOfWhatIsHeldAndNeverAboveTheLimit) {
  constexpr int kThreads = 8, kOperations = 125000;
  constexpr size_t kOuter = 200 << 10, kMostInner = 300 << 10;
  reslab_group* outer = make("storm", kOuter);
  stormed = make("stormed", kMostInner, outer);
  struct sigaction action = {};
  action.sa_handler = handle;
  sigaction(SIGUSR1, &action, nullptr);
  std::vector<Holder> holders(kThreads);
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      holder = &holders[i];
      {
        const unit::ThreadTimer timer(SIGUSR1, 100000);
        std::mt19937 random(static_cast<unsigned>(i));
        for (int n = 0; n < kOperations; ++n) holders[i].step(stormed, static_cast<uint32_t>(random()));
      }
      --running;
    });
  }
  uint64_t changes = 0, looks = 0;
  for (size_t limit = 0; running > 0; limit = (limit + 7777) % 200000) {
    const size_t wanted = 100000 + limit;
    if (reslab_group_set_limit(stormed, wanted) != 0) continue;
    ++changes;
    for (int i = 0; i < 10; ++i, ++looks) {
      ASSERT_LE(reslab_group_usage(stormed), wanted);
      ASSERT_LE(reslab_group_usage(outer), kOuter);
    }
  }
  for (std::thread& thread : threads) thread.join();
  size_t held = 0;
  for (const Holder& one : holders) held += one.held();
  EXPECT_EQ(reslab_group_usage(stormed), held);
  EXPECT_EQ(reslab_group_usage(outer), held);
  EXPECT_GT(changes, 0u);
  EXPECT_GT(handled.load(), 0u);
  // As charges have seen it, in the word itself that they are taken from.
  EXPECT_LE(stats_of("storm").peak_bytes, kOuter);
  EXPECT_GT(stats_of("storm").peak_bytes, kOuter * 9 / 10);
  EXPECT_LE(stats_of("stormed").peak_bytes, kMostInner);
  EXPECT_GT(stats_of("stormed").failures, 0u);
  for (Holder& one : holders) {
    for (std::atomic<void*>& slot : one.slots) reslab_free(slot.load());
  }
  EXPECT_EQ(reslab_group_usage(outer), 0u);
  unit::expect_sound_heap();
  EXPECT_EQ(reslab_group_destroy(stormed), 0);
  EXPECT_EQ(reslab_group_destroy(outer), 0);
}

}  // namespace
}  // namespace reslab
