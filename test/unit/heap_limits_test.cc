// SPDX-License-Identifier: Apache-2.0
// slab/hard_limit, arena: the limits that a process sets itself (options hard_limit and soft_limit), each test in a child.
#include <gtest/gtest.h>
#include <reslab/reslab.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "hooks.h"
#include "slab/slab.h"
#include "support/audit.h"
#include "support/child.h"

namespace reslab {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kUnit = 65536;

uint64_t held() {
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  return stats.bytes_held;
}
uint64_t refusals() {
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  return stats.limit_refusals;
}

void set(const char* option, size_t bytes) { ASSERT_EQ(reslab_option_set(option, std::to_string(bytes).c_str()), 0); }

// Objects of one size until there are no more.
std::vector<void*> take_all(size_t bytes) {
  std::vector<void*> objects;
  objects.reserve(1 << 20);
  for (void* object; (object = reslab_malloc(bytes)) != nullptr;) objects.push_back(object);
  return objects;
}
std::vector<void*> take_some(int count, size_t bytes) {
  std::vector<void*> objects;
  for (int i = 0; i < count; ++i) objects.push_back(reslab_malloc(bytes));
  return objects;
}
void give(std::vector<void*>& objects) {
  for (void* object : objects) reslab_free(object);
  objects.clear();
}

// What a body writes to stderr.
template <class Body>
std::string stderr_of(Body body) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const int saved = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  body();
  dup2(saved, STDERR_FILENO);
  close(saved);
  close(ends[1]);
  std::string text(65536, '\0');
  const ssize_t length = read(ends[0], text.data(), text.size());
  close(ends[0]);
  text.resize(length > 0 ? static_cast<size_t>(length) : 0);
  return text;
}

constexpr size_t kSizes[] = {16, 200, 3000, 20000, 100000, 300000, 3 * kMiB};

TEST(HeapHardLimit, OfEachSizeThereIsNoMoreThanItAndNotMuchLess) {
  for (const size_t bytes : kSizes) {
    unit::in_child([&] {
      const size_t limit = held() + 24 * kMiB;
      set("hard_limit", limit);
      errno = 0;
      std::vector<void*> objects = take_all(bytes);
      EXPECT_EQ(errno, ENOMEM);
      EXPECT_LE(held(), limit);
      EXPECT_GT(held() + bytes + 2 * kMiB, limit) << "of " << bytes;
      EXPECT_GT(refusals(), 0u);
      give(objects);
      objects = take_all(bytes);
      EXPECT_GT(objects.size() * bytes, 16 * kMiB) << "what was freed can be had again";
      EXPECT_LE(held(), limit);
      give(objects);
      unit::expect_sound_heap();
    });
  }
}

// What is free and dirty counts, so it goes when another size needs the room.
TEST(HeapHardLimit, MemoryOfOneSizeCanBeHadForAnother) {
  unit::in_child([] {
    set("hard_limit", held() + 24 * kMiB);
    for (const size_t bytes : kSizes) {
      std::vector<void*> objects = take_all(bytes);
      EXPECT_GT(objects.size() * bytes, 14 * kMiB) << "of " << bytes;
      give(objects);
    }
    unit::expect_sound_heap();
  });
}

TEST(HeapHardLimit, TheFirstRefusalIsReportedAndNoOther) {
  unit::in_child([] {
    set("hard_limit", held() + 8 * kMiB);
    std::vector<void*> objects;
    const std::string first = stderr_of([&] { objects = take_all(3000); });
    EXPECT_EQ(first.find("reslab: hard_limit of "), 0u) << first;
    EXPECT_NE(first.find(" more are refused"), std::string::npos) << first;
    EXPECT_NE(first.find(" bytes in objects of 3072\n"), std::string::npos) << first;
    EXPECT_NE(first.find(" bytes in larger blocks\n"), std::string::npos) << first;
    EXPECT_EQ(stderr_of([] { EXPECT_EQ(reslab_malloc(kMiB), nullptr); }), "");
    give(objects);
  });
}

TEST(HeapHardLimit, NolockCallsAreRefusedWithoutAWord) {
  unit::in_child([] {
    const size_t limit = held() + 8 * kMiB;
    set("hard_limit", limit);
    std::vector<void*> objects;
    const std::string said = stderr_of([&] {
      errno = 7;
      for (void* object; (object = reslab_malloc_nolock(3000, RESLAB_GROW)) != nullptr;) objects.push_back(object);
      EXPECT_EQ(errno, 7);
    });
    EXPECT_EQ(said, "");
    EXPECT_LE(held(), limit);
    EXPECT_GT(refusals(), 0u);
    give(objects);
  });
}

TEST(HeapHardLimit, AReallocThatIsRefusedLeavesWhatThereIs) {
  unit::in_child([] {
    const size_t limit = held() + 8 * kMiB;
    auto* block = static_cast<char*>(reslab_malloc(3 * kMiB));
    ASSERT_NE(block, nullptr);
    memset(block, 'x', 3 * kMiB);
    set("hard_limit", limit);
    for (size_t bytes = 4 * kMiB; bytes < 64 * kMiB; bytes += kMiB) {
      auto* grown = static_cast<char*>(reslab_realloc(block, bytes));
      if (grown != nullptr) block = grown;
      EXPECT_LE(held(), limit);
    }
    for (size_t at = 0; at < 3 * kMiB; at += 4096) EXPECT_EQ(block[at], 'x');
    EXPECT_EQ(reslab_realloc(block, 64 * kMiB), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    reslab_free(block);
  });
}

TEST(HeapHardLimit, CanBeRaisedAndTakenBack) {
  unit::in_child([] {
    set("hard_limit", held() + 4 * kMiB);
    EXPECT_EQ(reslab_malloc(8 * kMiB), nullptr);
    set("hard_limit", held() + 16 * kMiB);
    void* some = reslab_malloc(8 * kMiB);
    EXPECT_NE(some, nullptr);
    set("hard_limit", kUnit);  // far below what is held: nothing more, and nothing is taken away
    EXPECT_EQ(reslab_malloc(8 * kMiB), nullptr);
    set("hard_limit", 0);
    void* more = reslab_malloc(64 * kMiB);
    EXPECT_NE(more, nullptr);
    reslab_free(more);
    reslab_free(some);
  });
}

// Threads that grow at the same moment may pass it by what each of them claims.
TEST(HeapHardLimit, HoldsForThreadsThatGrowTogether) {
  unit::in_child([] {
    constexpr size_t kThreads = 4, kBytes = 100000;
    const size_t limit = held() + 32 * kMiB;
    set("hard_limit", limit);
    std::atomic<uint64_t> most{0};
    std::vector<std::thread> threads;
    for (size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&most] {
        for (int round = 0; round < 20; ++round) {
          std::vector<void*> objects;
          for (void* object; (object = reslab_malloc(kBytes)) != nullptr;) {
            objects.push_back(object);
            for (uint64_t now = held(), seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {}
          }
          give(objects);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(most, limit + kThreads * 4 * kUnit);
    EXPECT_GT(most, limit - 4 * kMiB);
    unit::expect_sound_heap();
  });
}

// What is dirty counts, so it is taken before anything else: nothing grows.
TEST(HeapHardLimit, FreeDirtyMemoryServesNolockCalls) {
  unit::in_child([] {
    set("dirty_min", 16 * kMiB);
    std::vector<void*> objects = take_some(16, 5 * kUnit);
    const size_t limit = held();
    set("hard_limit", limit);
    give(objects);
    for (int i = 0; i < 24; ++i) objects.push_back(reslab_malloc_nolock(2 * kUnit, 0));
    EXPECT_EQ(std::count(objects.begin(), objects.end(), nullptr), 0);
    EXPECT_LE(held(), limit);
    give(objects);
  });
}

// Each class keeps an empty slab, which alone is not worth a search.
TEST(HeapHardLimit, EmptySlabsOfAllClassesMakeRoom) {
  unit::in_child([] {
    reslab_free(reslab_malloc(16));
    size_t empty = 0;
    for (const ClassId cls : all_classes()) {
      SlabIdentity made = {};
      const uint32_t unit = slab_create(cls, 0, Contract::kPlain, &made);
      slab_let_go(unit, made);
      empty += size_t{class_info(cls).slab_units} << kUnitShift;
    }
    set("hard_limit", held());
    void* large = reslab_malloc(empty);
    EXPECT_NE(large, nullptr) << empty << " of " << held();
    reslab_free(large);
  });
}

// Zero units lie lower, and those it would get: it cannot give others back for them.
TEST(HeapHardLimit, ANolockCallDoesWithoutUnitsThatWouldExceedIt) {
  unit::in_child([] {
    set("dirty_min", 16 * kMiB);
    void* low = reslab_malloc(64 * kUnit);
    void* high = reslab_malloc(64 * kUnit);
    reslab_free(low);
    reslab_trim(0);
    const size_t limit = held();
    set("hard_limit", limit);
    reslab_free(high);
    EXPECT_EQ(reslab_malloc_nolock(30000, RESLAB_GROW), nullptr);
    EXPECT_GT(refusals(), 0u);
    EXPECT_EQ(held(), limit);
    void* plain = reslab_malloc(30000);
    EXPECT_NE(plain, nullptr);
    EXPECT_LE(held(), limit);
    reslab_free(plain);
    unit::expect_sound_heap();
  });
}

TEST(HeapHardLimit, WhatWasKeptWholeIsRefusedWhenItIsLoweredAndGivenBack) {
  unit::in_child([] {
    set("dirty_min", 16 * kMiB);
    reslab_free(reslab_malloc(8 * kMiB));
    EXPECT_GT(held(), 8 * kMiB);
    set("hard_limit", kUnit);
    EXPECT_EQ(reslab_malloc(8 * kMiB), nullptr);
    EXPECT_LT(held(), kMiB);
  });
}

// A thread may stand still there for long: while it purges, and while it makes free units of a run that was kept whole.
TEST(HeapHardLimit, UnitsInTheHandOfAPurgeCountAsFree) {
  for (const char* place : {"unit_release", "purge"}) {
    unit::in_child([=] {
      set("dirty_min", 16 * kMiB);
      void* some = reslab_malloc(8 * kMiB);
      memset(some, 'x', 8 * kMiB);
      set("hard_limit", held());
      reslab_free(some);
      static void* meanwhile;
      const support::Hook stopped(place, [](void*) {
        static bool is_first = true;
        if (std::exchange(is_first, false)) meanwhile = reslab_malloc(8 * kMiB);
      });
      reslab_trim(0);
      EXPECT_NE(meanwhile, nullptr) << place;
      reslab_free(meanwhile);
      unit::expect_sound_heap();
    });
  }
}

// What keeps aside has nothing else than new memory.
TEST(HeapHardLimit, AChildThatIsBeingRepairedLooksAtNone) {
  unit::in_child([] {
    set("hard_limit", held());
    unit::in_child([] {
      static void* meanwhile;
      const support::Hook repairing("fork_repair", [](void*) {
        if (meanwhile == nullptr) meanwhile = reslab_malloc(7 * kMiB);
      });
      reslab_trim(0);
      EXPECT_NE(meanwhile, nullptr);
      reslab_free(meanwhile);
      EXPECT_EQ(reslab_malloc(7 * kMiB), nullptr);
    });
  });
}

// As much is used as ever, but nothing free is kept beside it.
TEST(HeapSoftLimit, AboveItFreeMemoryGoesBackAtOnce) {
  constexpr size_t kBytes = 300000;  // blocks of their own: of slabs, what is free between objects stays
  const auto kept_above = [](size_t limit, size_t& kept) {
    set("soft_limit", limit);
    std::vector<void*> objects;
    for (size_t i = 0; i < 64 * kMiB / kBytes; ++i) objects.push_back(reslab_malloc(kBytes));
    for (size_t i = 0; i < objects.size(); i += 4) {  // in pieces
      reslab_free(objects[i]);
      objects[i] = nullptr;
    }
    reslab_stats stats = {};
    reslab_get_stats(&stats, sizeof stats);
    kept = stats.bytes_held - stats.bytes_live;
    give(objects);
  };
  unit::in_child([&] {
    size_t without, with;
    kept_above(0, without);
    kept_above(kMiB, with);
    EXPECT_GT(without, 2 * kMiB);
    EXPECT_LE(with, 16 * kUnit);
  });
}

TEST(HeapSoftLimit, AboveItDepotsTakeNothingMore) {
  constexpr size_t kBytes = 64;
  const auto in_depot = [] {
    reslab_class_stats classes[128] = {};
    const int count = reslab_get_class_stats(classes, 128, sizeof classes[0]);
    for (int i = 0; i < count; ++i) {
      if (classes[i].object_bytes == kBytes) return classes[i].in_depot;
    }
    return uint64_t{0};
  };
  unit::in_child([&] {
    std::vector<void*> objects;
    for (size_t i = 0; i < 16 * kMiB / kBytes; ++i) objects.push_back(reslab_malloc(kBytes));
    const auto free_some = [&] {      // every second one, so that slabs stay in use
      constexpr size_t kSome = 8192;  // far less than a depot takes
      for (size_t i = 0; i < kSome; ++i, objects.resize(objects.size() - 2)) reslab_free(objects.back());
    };
    free_some();
    const uint64_t below = in_depot();
    EXPECT_GT(below, 4000u);
    set("soft_limit", kMiB);
    free_some();
    EXPECT_LE(in_depot(), below);
    set("soft_limit", 0);
    free_some();
    EXPECT_GT(in_depot(), below + 4000);
  });
}

TEST(HeapSoftLimit, BelowItNothingChanges) {
  unit::in_child([] {
    set("soft_limit", size_t{1} << 30);
    std::vector<void*> objects;
    for (int i = 0; i < 100; ++i) objects.push_back(reslab_malloc(200000));
    const uint64_t before = held();
    for (int i = 0; i < 4; ++i) {
      reslab_free(objects.back());
      objects.pop_back();
    }
    EXPECT_EQ(held(), before);
    give(objects);
  });
}

}  // namespace
}  // namespace reslab
