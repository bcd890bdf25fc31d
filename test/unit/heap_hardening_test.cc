// SPDX-License-Identifier: Apache-2.0
// The hardening options (docs/hardening.md): objects come from anywhere, what is freed is zero, guard pages are there. Run
// with harden=1; what is reported are programs of test/misuse.
#include <gtest/gtest.h>
#include <reslab/reslab.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include "cache/cache.h"
#include "cache/cpu_state.h"
#include "cache/deferred_list.h"
#include "heap/root.h"
#include "support/audit.h"
#include "support/calls.h"
#include "support/child.h"

namespace reslab {
namespace {

class HardeningTest : public testing::Test {
 protected:
  void SetUp() override {
    reslab_free(reslab_malloc(1));
    ASSERT_TRUE(options().harden) << "to be run with the option harden=1";
  }
};

// --- random placement --------------------------------------------------------------------------------------------------

constexpr uint32_t kDrawn = 500;

// The order in which objects of a class that nobody has used come, as indices in slabs, where draws begin with `seed`.
std::vector<uint32_t> order_of(size_t bytes, uint64_t seed) {
  auto* order = static_cast<uint32_t*>(
      mmap(nullptr, kDrawn * sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  unit::in_child([&] {
    root().draws.store(seed);
    for (uint32_t i = 0; i < kDrawn; ++i) {
      const ObjectPlace place = place_of(reslab_malloc(bytes));
      order[i] = object_index(class_info(place.cls), place.offset);
    }
  });
  std::vector<uint32_t> found(order, order + kDrawn);
  munmap(order, kDrawn * sizeof(uint32_t));
  return found;
}

TEST_F(HardeningTest, WhatComesNextIsSeldomNextToIt) {
  for (const size_t bytes : {16, 64, 1000}) {
    const std::vector<uint32_t> order = order_of(bytes, 1);
    uint32_t neighbours = 0;
    for (uint32_t i = 1; i < kDrawn; ++i) neighbours += order[i] + 1 == order[i - 1] || order[i - 1] + 1 == order[i];
    EXPECT_LT(neighbours, kDrawn / 4) << bytes;
  }
}

TEST_F(HardeningTest, TheOrderFollowsFromTheSeedAlone) {
  for (const size_t bytes : {64, 4096}) {
    EXPECT_EQ(order_of(bytes, 1), order_of(bytes, 1)) << bytes;
    EXPECT_NE(order_of(bytes, 1), order_of(bytes, 2)) << bytes;
  }
}

TEST_F(HardeningTest, TheFirstObjectIsAnyOfItsSlab) {
  std::set<uint32_t> first;
  for (uint64_t seed = 1; seed <= 20; ++seed) first.insert(order_of(64, seed)[0]);
  EXPECT_GT(first.size(), 15u);
}

TEST_F(HardeningTest, EachObjectComesOnce) {
  for (const size_t bytes : {16, 300, 5000, 40000}) {
    std::vector<void*> objects(3000);
    for (void*& object : objects) object = reslab_malloc(bytes);
    EXPECT_EQ(std::set<void*>(objects.begin(), objects.end()).size(), objects.size()) << bytes;
    for (void* object : objects) reslab_free(object);
  }
  unit::expect_sound_heap();
}

// --- zero on free ------------------------------------------------------------------------------------------------------

bool is_zero(const void* object, size_t bytes) {
  const char* start = static_cast<const char*>(unit::opaque(const_cast<void*>(object)));
  return bytes == 0 || (start[0] == 0 && memcmp(start, start + 1, bytes - 1) == 0);
}

TEST_F(HardeningTest, FreedObjectsReadAsZeroWhoeverFreesThem) {
  for (const unit::FreeingCall& call : unit::kFreeingCalls) {
    for (const size_t bytes : unit::kSizes) {
      if (bytes > kMaxSmallBytes) continue;
      void* object = unit::opaque(reslab_malloc(bytes));
      const size_t all = reslab_usable_size(object);
      memset(object, 0x77, all);
      call.free(object, bytes);
      drain_all_deferred();  // a link in its first word until then
      EXPECT_TRUE(is_zero(object, all)) << call << " " << bytes;
    }
  }
}

// Of a slab whose other objects are live: its pages have gone nowhere.
TEST_F(HardeningTest, WhatWasDeferredReadsAsZeroWhenItIsFree) {
  std::vector<void*> objects(6000);
  for (void*& object : objects) memset(object = reslab_malloc(112), 0x77, 112);
  for (size_t i = 0; i < objects.size(); i += 2) reslab_free_nolock(objects[i]);
  EXPECT_GT(drain_all_deferred(), 0u);
  for (size_t i = 0; i < objects.size(); i += 2) ASSERT_TRUE(is_zero(objects[i], 112)) << i;
  for (size_t i = 1; i < objects.size(); i += 2) reslab_free(objects[i]);
}

TEST_F(HardeningTest, WhatReallocLeavesReadsAsZero) {
  char* small = static_cast<char*>(unit::opaque(reslab_malloc(100)));
  memset(small, 0x77, 100);
  void* moved = reslab_realloc(small, 5000);
  EXPECT_TRUE(is_zero(small, 100));
  reslab_free(moved);

  constexpr size_t kMiB = size_t{1} << 20;
  char* block = static_cast<char*>(unit::opaque(reslab_malloc(4 * kMiB)));
  memset(block, 0x77, 4 * kMiB);
  ASSERT_EQ(reslab_realloc(block, kMiB), block);
  EXPECT_TRUE(is_zero(block + kMiB, 3 * kMiB));
  EXPECT_EQ(block[kMiB - 1], 0x77);
  reslab_free(block);
  EXPECT_TRUE(is_zero(block, kMiB));
}

// Calls that may not enter the kernel have no time to overwrite blocks either.
TEST_F(HardeningTest, ABlockThatANolockCallFreesStays) {
  constexpr size_t kMiB = size_t{1} << 20;
  char* block = static_cast<char*>(unit::opaque(reslab_malloc(kMiB)));
  memset(block, 0x77, kMiB);
  reslab_free_nolock(block);
  EXPECT_EQ(block[kMiB - 1], 0x77);
}

void construct(void* object) { memset(object, 0x55, 48); }

TEST_F(HardeningTest, ConstructedObjectsAreNeverWritten) {
  reslab_cache_args args = {};
  args.size = 48;
  args.ctor = construct;
  reslab_cache* cache = reslab_cache_create("constructed", &args);
  ASSERT_NE(cache, nullptr);
  auto* object = static_cast<unsigned char*>(unit::opaque(reslab_cache_alloc(cache)));
  reslab_cache_free(cache, object);
  EXPECT_EQ(std::count(object, object + 48, 0x55), 48);
  EXPECT_EQ(reslab_cache_destroy(cache), 0);
}

// --- guard pages -------------------------------------------------------------------------------------------------------

void write_to(char* place) { *static_cast<volatile char*>(place) = 1; }
void read_from(char* place) { static_cast<void>(*static_cast<volatile char*>(place)); }

TEST_F(HardeningTest, ThePagesAroundTheMagazinesCannotBeTouched) {
  char* regions = root().regions;
  char* end = regions + size_t{root().cpu.regions} * kRegionBytes;
  EXPECT_EXIT(write_to(regions - 1), testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(read_from(regions - kMostPageBytes - 1), testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(read_from(end), testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(HardeningTest, AMagazineOfOneSlotEndsInAPageThatCannotBeWritten) {
  const uint32_t slot = slot_index();
  ASSERT_TRUE(slots().is_ready(slot));
  char* end = region_of(slot) + kRegionBytes;
  EXPECT_EXIT(write_to(end - kMostPageBytes), testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(write_to(end - 1), testing::KilledBySignal(SIGSEGV), "");
  read_from(end - 1);  // as pops do (2)
}

TEST_F(HardeningTest, TheMetadataBeginsAndEndsInAPageThatCannotBeTouched) {
  EXPECT_EXIT(read_from(reinterpret_cast<char*>(&root()) - 1), testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(read_from(root().metadata + root().metadata_bytes - 1), testing::KilledBySignal(SIGSEGV), "");
}

}  // namespace
}  // namespace reslab
