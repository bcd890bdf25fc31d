// SPDX-License-Identifier: Apache-2.0
// objects: typed caches. Layout, constructors, merging, bulk, the end of a cache and its misuse. For lesson 15 of
// docs/lessons.md: a nolock call runs no constructor.
#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "slab/class_table.h"
#include "slab/slab.h"
#include "support/audit.h"
#include "support/child.h"
#include "support/ledger.h"
#include "support/opaque.h"

namespace reslab {
namespace {

constexpr uint64_t kConstructedMark = 0x5ca1ab1e0ddba11;
std::atomic<uint64_t> constructions{0};

struct Constructed {
  uint64_t mark;
  uint64_t use;  // the program's from then on: 0 until the first one
};

void construct(void* object) {
  *static_cast<Constructed*>(object) = {kConstructedMark, 0};
  ++constructions;
}

reslab_cache* make(const char* name, size_t size, size_t align = 0, unsigned flags = RESLAB_CACHE_NO_MERGE,
                   void (*ctor)(void*) = nullptr) {
  const reslab_cache_args args = {size, align, flags, ctor, nullptr};
  reslab_cache* cache = reslab_cache_create(name, &args);
  EXPECT_NE(cache, nullptr) << name << ": " << strerror(errno);
  return cache;
}

std::vector<void*> take(reslab_cache* cache, size_t count) {
  std::vector<void*> objects(count);
  for (void*& object : objects) {
    object = unit::opaque(reslab_cache_alloc(cache));
    EXPECT_NE(object, nullptr);
  }
  return objects;
}

void give(reslab_cache* cache, const std::vector<void*>& objects) {
  for (void* object : objects) reslab_cache_free(cache, object);
}

// --- layout ------------------------------------------------------------------------------------------------------------

TEST(TypedCache, ObjectsLieAsFarApartAsAsked) {
  struct Case {
    size_t size, align, stride;
  };
  for (const Case& one : {Case{72, 0, 72}, Case{200, 0, 200}, Case{1200, 0, 1200}, Case{48, 64, 64}, Case{8, 0, 16},
                          Case{100, 4, 104}, Case{4096, 4096, 4096}, Case{4096, 0, 4160}, Case{5000, 256, 5120},
                          Case{262144, 0, 262144}, Case{65536, 65536, 65536}}) {
    SCOPED_TRACE(testing::Message() << one.size << " aligned to " << one.align);
    const reslab_cache_args args = {one.size, one.align, RESLAB_CACHE_NO_MERGE, nullptr, nullptr};
    reslab_cache* cache = reslab_cache_create("layout", &args);
    ASSERT_EQ(cache != nullptr, one.stride != 0);
    if (cache == nullptr) continue;
    const std::vector<void*> objects = take(cache, 100);
    std::set<uintptr_t> places;
    for (void* object : objects) {
      EXPECT_EQ(reslab_usable_size(object), one.stride);
      EXPECT_TRUE(unit::is_aligned(object, std::max<size_t>(one.align, 8)));
      const ObjectPlace place = place_of(object);
      EXPECT_EQ(place.offset % one.stride, 0u);
      memset(object, 0x3c, one.size);
      EXPECT_TRUE(places.insert(unit::address_of(object)).second);
    }
    unit::expect_sound_heap();
    give(cache, objects);
    EXPECT_EQ(reslab_cache_destroy(cache), 0);
  }
}

// What slabs hold is at most 2 % more than what was asked for, with all that describes them.
TEST(TypedCache, SlabsAreFull) {
  for (const size_t size : {72, 200, 1200}) {
    reslab_cache* cache = make("full", size);
    void* object = reslab_cache_alloc(cache);
    const reslab_class_stats stats = unit::class_stats_of(place_of(object).cls);
    const double payload = static_cast<double>(stats.capacity) * static_cast<double>(size);
    const auto bitmap = static_cast<double>((stats.capacity + 7) / 8);
    EXPECT_LT(static_cast<double>(stats.slab_bytes) + kDescriptorBytes + bitmap, 1.02 * payload) << size;
    reslab_cache_free(cache, object);
    EXPECT_EQ(reslab_cache_destroy(cache), 0);
  }
}

TEST(TypedCache, RefusesWhatCannotBe) {
  const auto refused = [](reslab_cache_args args, int error) {
    errno = 0;
    EXPECT_EQ(reslab_cache_create("refused", &args), nullptr);
    EXPECT_EQ(errno, error);
  };
  refused({64, 24, 0, nullptr, nullptr}, EINVAL);
  refused({64, 131072, 0, nullptr, nullptr}, EINVAL);
  refused({262145, 0, 0, nullptr, nullptr}, EINVAL);
  refused({64, 0, 1u << 9, nullptr, nullptr}, EINVAL);
  refused({64, 0, RESLAB_CACHE_TYPESAFE_BY_RCU, nullptr, nullptr}, ENOTSUP);  // this program has no libreslab-rcu
  EXPECT_EQ(reslab_cache_create("refused", nullptr), nullptr);
}

// --- constructors ------------------------------------------------------------------------------------------------------

// One object of each slab, which then cannot go; taken out of `objects`.
std::vector<void*> keep_one_of_each_slab(std::vector<void*>& objects) {
  std::vector<void*> kept, rest;
  std::set<uintptr_t> units;
  for (void* object : objects) {
    const bool is_first = units.insert(reinterpret_cast<uintptr_t>(object) >> kUnitShift).second;
    (is_first ? kept : rest).push_back(object);
  }
  objects = rest;
  return kept;
}

// Through the magazine, the depot, the slab, by every kind of free; and never for an object that is only reused: what its
// user wrote there is still there.
TEST(TypedCache, ConstructsOnceAndKeepsWhatWasConstructed) {
  reslab_cache* cache = make("constructed", 120, 0, 0, construct);
  constructions = 0;
  std::vector<void*> objects = take(cache, 3000);
  const ClassId cls = place_of(objects[0]).cls;
  const std::vector<void*> kept = keep_one_of_each_slab(objects);
  const size_t count = objects.size();
  std::set<void*> used;
  std::mt19937 random(1);
  for (int round = 0; round < 6; ++round) {
    std::shuffle(objects.begin(), objects.end(), random);
    for (size_t i = 0; i < objects.size(); ++i) {
      auto& object = *static_cast<Constructed*>(objects[i]);
      ASSERT_EQ(object.mark, kConstructedMark) << "round " << round;
      ASSERT_EQ(object.use, used.insert(&object).second ? 0 : reinterpret_cast<uintptr_t>(&object))
          << "round " << round;
      object.use = reinterpret_cast<uintptr_t>(&object);
      if (i % 3 == 0) reslab_cache_free(cache, objects[i]);
      else if (i % 3 == 1) reslab_cache_free_nolock(cache, objects[i]);
      else reslab_free(objects[i]);
    }
    unit::expect_sound_heap();
    reslab_cache_shrink(cache);
    objects = take(cache, count);
    EXPECT_EQ(constructions, unit::class_stats_of(cls).capacity) << "round " << round;
  }
  give(cache, objects);
  give(cache, kept);
  EXPECT_EQ(reslab_cache_destroy(cache), 0);
}

TEST(TypedCache, StrictCallsRunNoConstructor) {
  reslab_cache* cache = make("strict", 88, 0, 0, construct);
  constructions = 0;
  EXPECT_EQ(reslab_cache_alloc_nolock(cache, 0), nullptr);
  EXPECT_EQ(reslab_cache_alloc_nolock(cache, RESLAB_GROW), nullptr);
  EXPECT_EQ(constructions, 0u);
  void* plain = reslab_cache_alloc(cache);
  EXPECT_EQ(reslab_cache_alloc_nolock(cache, RESLAB_ZERO), nullptr);
  void* strict = reslab_cache_alloc_nolock(cache, 0);
  ASSERT_NE(strict, nullptr);
  EXPECT_EQ(*static_cast<uint64_t*>(strict), kConstructedMark);
  reslab_cache_free_nolock(cache, strict);
  reslab_cache_free(cache, plain);
  EXPECT_EQ(reslab_cache_destroy(cache), 0);
}

reslab_cache* inner_cache = nullptr;
void construct_with_memory(void* object) {
  void* other = reslab_cache_alloc(inner_cache);
  reslab_cache_free(inner_cache, other);
  reslab_free(reslab_malloc(500));
  construct(object);
}

TEST(TypedCache, AConstructorMayAllocate) {
  inner_cache = make("inner", 136);
  reslab_cache* cache = make("outer", 152, 0, 0, construct_with_memory);
  const std::vector<void*> objects = take(cache, 2000);
  unit::expect_sound_heap();
  give(cache, objects);
  EXPECT_EQ(reslab_cache_destroy(cache), 0);
  EXPECT_EQ(reslab_cache_destroy(inner_cache), 0);
}

// --- merging -----------------------------------------------------------------------------------------------------------

TEST(TypedCache, OnlyPlainCachesOfOneStrideShareSlabs) {
  reslab_cache* first = make("first", 184, 0, 0);
  reslab_cache* second = make("second", 180, 8, 0);
  reslab_cache* apart = make("apart", 184);
  reslab_cache* constructed = make("constructed", 184, 0, 0, construct);
  void* a = reslab_cache_alloc(first);
  void* b = reslab_cache_alloc(second);
  void* c = reslab_cache_alloc(apart);
  void* d = reslab_cache_alloc(constructed);
  EXPECT_EQ(place_of(a).cls, place_of(b).cls);
  EXPECT_NE(place_of(a).cls, place_of(c).cls);
  EXPECT_NE(place_of(a).cls, place_of(d).cls);
  EXPECT_NE(place_of(c).cls, place_of(d).cls);
  EXPECT_EQ(reslab_cache_destroy(first), 0);  // its objects live on in the other's slabs
  EXPECT_EQ(reslab_cache_destroy(second), EBUSY);
  reslab_cache_free(second, a);
  reslab_cache_free(second, b);
  EXPECT_EQ(reslab_cache_destroy(second), 0);
  reslab_cache_free(apart, c);
  reslab_cache_free(constructed, d);
  EXPECT_EQ(reslab_cache_destroy(apart), 0);
  EXPECT_EQ(reslab_cache_destroy(constructed), 0);
}

// --- generic calls, bulk -----------------------------------------------------------------------------------------------

TEST(TypedCache, GenericCallsTakeItsObjects) {
  reslab_cache* cache = make("generic", 104);
  void* object = reslab_cache_alloc(cache);
  memset(object, 0x61, 104);
  char* moved = static_cast<char*>(reslab_realloc(object, 1000));
  ASSERT_NE(moved, nullptr);
  EXPECT_EQ(std::string(moved, 104), std::string(104, 'a'));
  reslab_free(moved);
  reslab_free_nolock(reslab_cache_alloc(cache));
  reslab_free_sized(reslab_cache_alloc(cache), 104);
  void* zero = reslab_cache_alloc_nolock(cache, RESLAB_ZERO | RESLAB_GROW);
  ASSERT_NE(zero, nullptr);
  EXPECT_EQ(std::string(static_cast<char*>(zero), 104), std::string(104, '\0'));
  reslab_cache_free(cache, zero);
  EXPECT_EQ(reslab_cache_destroy(cache), 0);
}

TEST(TypedCache, BulkTakesAndGivesAll) {
  reslab_cache* cache = make("bulk", 40);
  for (const size_t count : {1, 2, 31, 32, 64, 65, 1000, 20000}) {
    std::vector<void*> objects(count);
    ASSERT_EQ(reslab_cache_alloc_bulk(cache, count, objects.data()), count);
    EXPECT_EQ(std::set<void*>(objects.begin(), objects.end()).size(), count);
    for (void* object : objects) memset(object, 0x42, 40);
    const uint32_t cls = place_of(objects[0]).cls;
    EXPECT_EQ(unit::class_stats_of(cls).live, count);
    reslab_cache_free_bulk(cache, count, objects.data());
    EXPECT_EQ(unit::class_stats_of(cls).live, 0u);
  }
  void* mixed[3] = {reslab_cache_alloc(cache), nullptr, reslab_cache_alloc(cache)};
  reslab_cache_free_bulk(cache, 3, mixed);
  unit::expect_sound_heap();
  EXPECT_EQ(reslab_cache_destroy(cache), 0);
}

TEST(TypedCache, ShrinkGivesEmptySlabsBack) {
  reslab_cache* cache = make("shrunk", 512);
  const std::vector<void*> objects = take(cache, 10000);
  const uint32_t cls = place_of(objects[0]).cls;
  give(cache, objects);
  EXPECT_GT(reslab_cache_shrink(cache), 0u);
  EXPECT_EQ(unit::class_stats_of(cls).capacity, 0u);
  EXPECT_EQ(reslab_cache_shrink(cache), 0u);
  EXPECT_EQ(reslab_cache_destroy(cache), 0);
}

// --- the end of a cache, and misuse ------------------------------------------------------------------------------------

TEST(TypedCache, DestroyNamesWhatIsLive) {
  reslab_cache* cache = make("named", 96);
  void* first = reslab_cache_alloc(cache);
  void* second = reslab_cache_alloc(cache);
  reslab_cache_free(cache, reslab_cache_alloc(cache));
  testing::internal::CaptureStderr();
  errno = 77;
  EXPECT_EQ(reslab_cache_destroy(cache), EBUSY);
  EXPECT_EQ(errno, 77);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("reslab_cache_destroy(named): 2 objects are live:"), std::string::npos) << said;
  for (const void* object : {first, second}) {
    char text[32];
    snprintf(text, sizeof text, "%p", object);
    EXPECT_NE(said.find(text), std::string::npos) << said;
  }
  reslab_cache_free(cache, first);
  reslab_cache_free(cache, second);
  EXPECT_EQ(reslab_cache_destroy(cache), 0);
  EXPECT_EQ(reslab_cache_destroy(nullptr), 0);
}

TEST(TypedCacheDeathTest, UseAfterDestroyIsReported) {
  reslab_cache* cache = make("gone", 56);
  void* object = reslab_malloc(56);
  reslab_cache_free(cache, reslab_cache_alloc(cache));
  ASSERT_EQ(reslab_cache_destroy(cache), 0);
  const auto died = testing::KilledBySignal(SIGABRT);
  const char* said = "the cache gone was destroyed";
  EXPECT_EXIT((void)unit::opaque(reslab_cache_alloc(cache)), died, said);
  EXPECT_EXIT((void)unit::opaque(reslab_cache_alloc_nolock(cache, 0)), died, said);
  EXPECT_EXIT(reslab_cache_free(cache, object), died, said);
  EXPECT_EXIT(exit(reslab_cache_destroy(cache)), died, said);
  reslab_free(object);
}

TEST(TypedCacheDeathTest, WhatIsNoneOfItsObjectsIsReported) {
  reslab_cache* cache = make("own", 128);
  reslab_cache* other = make("other", 144);
  char* object = static_cast<char*>(reslab_cache_alloc(cache));
  void* foreign = reslab_cache_alloc(other);
  const auto died = testing::KilledBySignal(SIGABRT);
  EXPECT_EXIT(reslab_cache_free(cache, foreign), died, "not an object of this cache.*other");
  EXPECT_EXIT(reslab_cache_free(cache, object + 16), died, "not the start of an object");
  EXPECT_EXIT((reslab_cache_free(cache, object), reslab_cache_free(cache, object)), died, "double free");
  void* twice[2] = {object, object};
  EXPECT_EXIT(reslab_cache_free_bulk(cache, 2, twice), died, "double free");
  reslab_cache_free(cache, object);
  reslab_cache_free(other, foreign);
  EXPECT_EQ(reslab_cache_destroy(cache), 0);
  EXPECT_EQ(reslab_cache_destroy(other), 0);
}

TEST(TypedCache, DestroyIsRefusedInANolockScope) {
  reslab_cache* cache = make("scoped", 96);
  const unsigned saved = reslab_nolock_save();
  EXPECT_EQ(reslab_cache_destroy(cache), EDEADLK);
  EXPECT_EQ(reslab_cache_shrink(cache), 0u);
  reslab_nolock_restore(saved);
  EXPECT_EQ(reslab_cache_destroy(cache), 0);
}

// The room for magazines is bounded: creating fails with ENOSPC, and what has gone makes room again.
TEST(TypedCache, PlacesAreBoundedAndUsedAgain) {
  for (int round = 0; round < 3; ++round) {
    std::vector<reslab_cache*> made;
    int error = 0;
    for (size_t i = 0; i < 2000 && error == 0; ++i) {
      const reslab_cache_args args = {64 + 8 * (i % 200), 0, RESLAB_CACHE_NO_MERGE, nullptr, nullptr};
      errno = 0;
      reslab_cache* cache = reslab_cache_create("many", &args);
      if (cache == nullptr) {
        error = errno;
        continue;
      }
      made.push_back(cache);
      void* object = reslab_cache_alloc(cache);
      ASSERT_NE(object, nullptr);
      reslab_cache_free(cache, object);
    }
    EXPECT_EQ(error, ENOSPC);
    EXPECT_GE(made.size(), 250u) << "round " << round;
    unit::expect_sound_heap();
    for (reslab_cache* cache : made) ASSERT_EQ(reslab_cache_destroy(cache), 0);
  }
}

// --- threads, fork -----------------------------------------------------------------------------------------------------

TEST(TypedCache, ThreadsShareIt) {
  reslab_cache* cache = make("shared", 72);
  reslab_cache* constructed = make("shared constructed", 72, 0, 0, construct);
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([=] {
      std::mt19937 random(seed);
      std::vector<void*> plain, marked;
      for (int i = 0; i < 40000; ++i) {
        if (random() % 2 == 0 || plain.empty()) {
          plain.push_back(random() % 2 != 0 ? reslab_cache_alloc(cache)
                                            : reslab_cache_alloc_nolock(cache, RESLAB_GROW));
          if (plain.back() == nullptr) plain.pop_back();
          marked.push_back(reslab_cache_alloc(constructed));
          ASSERT_EQ(*static_cast<uint64_t*>(marked.back()), kConstructedMark);
        } else {
          reslab_cache_free(cache, plain.back());
          plain.pop_back();
          reslab_free_nolock(marked.back());
          marked.pop_back();
        }
      }
      give(cache, plain);
      give(constructed, marked);
    });
  }
  for (std::thread& thread : threads) thread.join();
  unit::expect_sound_heap();
  EXPECT_EQ(reslab_cache_destroy(cache), 0);
  EXPECT_EQ(reslab_cache_destroy(constructed), 0);
}

TEST(TypedCache, AChildGoesOn) {
  reslab_cache* cache = make("forked", 80, 0, 0, construct);
  const std::vector<void*> objects = take(cache, 500);
  unit::in_child([&] {
    give(cache, objects);
    for (void* object : take(cache, 1000)) {
      EXPECT_EQ(*static_cast<uint64_t*>(object), kConstructedMark);
      reslab_cache_free(cache, object);
    }
    unit::expect_sound_heap();
    EXPECT_EQ(reslab_cache_destroy(cache), 0);
  });
  give(cache, objects);
  EXPECT_EQ(reslab_cache_destroy(cache), 0);
}

// In a child, where a thread of the parent had left and not come to the end.
TEST(ClassTable, AClassWithoutUsersIsLeftAsByTheLast) {
  const ClassId cls = class_table().make({64, 0, nullptr, "left"});
  ASSERT_NE(cls, kNoClass);
  EXPECT_TRUE(class_table().join(cls));
  EXPECT_FALSE(class_table().leave(cls));
  EXPECT_TRUE(class_table().leave(cls));
  EXPECT_TRUE(class_table().leave(cls));
  EXPECT_FALSE(class_table().join(cls)) << "it is going";
  class_table().retire(cls);
}

}  // namespace
}  // namespace reslab
