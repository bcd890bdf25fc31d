// SPDX-License-Identifier: Apache-2.0
// The functions of class `any` as calls: their flags, their limits, what they return. That they never wait is shown
// elsewhere, by interrupting them. For lesson 28 of docs/lessons.md.

#include <gtest/gtest.h>
#include <reslab/reslab.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "support/opaque.h"

namespace api {
namespace {

using unit::opaque;

class Nolock : public testing::Test {
 protected:
  void SetUp() override { errno = 4711; }
  void TearDown() override { EXPECT_EQ(errno, 4711) << "errno is kept"; }
};

TEST_F(Nolock, ServesEverySizeUpToItsLimit) {
  for (size_t bytes = 0; bytes <= RESLAB_NOLOCK_MAX; bytes += bytes / 7 + 1) {
    void* pointer = opaque(reslab_malloc_nolock(bytes, RESLAB_GROW));
    ASSERT_NE(pointer, nullptr) << bytes;
    memset(pointer, 1, bytes);
    reslab_free_nolock(pointer);
  }
}

TEST_F(Nolock, RefusesMoreThanItsLimit) {
  EXPECT_GE(RESLAB_NOLOCK_MAX, size_t{256} << 10);
  void* largest = opaque(reslab_malloc_nolock(RESLAB_NOLOCK_MAX, RESLAB_GROW));
  EXPECT_NE(largest, nullptr);
  reslab_free_nolock(largest);
  volatile size_t too_large = RESLAB_NOLOCK_MAX + 1;
  EXPECT_EQ(opaque(reslab_malloc_nolock(too_large, RESLAB_GROW)), nullptr);
  EXPECT_EQ(opaque(reslab_aligned_alloc_nolock(64, too_large, RESLAB_GROW)), nullptr);
}

TEST_F(Nolock, UnknownFlagsAreRefused) {
  EXPECT_EQ(opaque(reslab_malloc_nolock(64, 1u << 3)), nullptr);
  EXPECT_EQ(opaque(reslab_malloc_nolock(64, RESLAB_GROW | 1u << 15)), nullptr);
  EXPECT_EQ(opaque(reslab_aligned_alloc_nolock(64, 64, 1u << 9)), nullptr);
}

TEST_F(Nolock, TheNodeIsAHint) {
  for (const unsigned node : {0u, 1u, 63u, 1023u, 65533u}) {
    void* pointer = opaque(reslab_malloc_nolock(64, RESLAB_GROW | RESLAB_NODE(node)));
    EXPECT_NE(pointer, nullptr) << "node " << node;
    reslab_free_nolock(pointer);
  }
}

TEST_F(Nolock, NoretryServesFromTheSizesOwnBucket) {
  void* pointer = opaque(reslab_malloc_nolock(64, RESLAB_GROW | RESLAB_NORETRY));
  ASSERT_NE(pointer, nullptr);
  EXPECT_EQ(reslab_usable_size(pointer), reslab_good_size(64));
  reslab_free_nolock(pointer);
}

TEST_F(Nolock, ZeroClearsMemoryThatWasUsed) {
  for (const size_t bytes : {size_t{1}, size_t{64}, size_t{1000}, size_t{50000}, RESLAB_NOLOCK_MAX}) {
    for (int round = 0; round < 20; ++round) {
      auto* pointer = static_cast<unsigned char*>(opaque(reslab_malloc_nolock(bytes, RESLAB_GROW | RESLAB_ZERO)));
      ASSERT_NE(pointer, nullptr);
      for (size_t i = 0; i < bytes; ++i) ASSERT_EQ(pointer[i], 0) << "byte " << i << " of " << bytes;
      memset(pointer, 0xff, bytes);
      reslab_free_nolock(pointer);
    }
  }
}

TEST_F(Nolock, WithoutGrowItLivesOnWhatThereIs) {
  reslab_free(opaque(malloc(64)));  // a plain call keeps memory ready
  void* pointer = opaque(reslab_malloc_nolock(64, 0));
  ASSERT_NE(pointer, nullptr);
  memset(pointer, 1, 64);
  reslab_free_nolock(pointer);
}

uint64_t failures() {
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  return stats.nolock_failures;
}

TEST_F(Nolock, EachRefusalIsCounted) {
  constexpr unsigned kUnknown = 1u << 12;
  const volatile size_t none = 0, odd = 48;  // no powers of two, which clang would say as well
  const uint64_t before = failures();
  EXPECT_EQ(opaque(reslab_malloc_nolock(64, kUnknown)), nullptr);
  EXPECT_EQ(opaque(reslab_malloc_nolock(RESLAB_NOLOCK_MAX + 1, RESLAB_GROW)), nullptr);
  EXPECT_EQ(opaque(reslab_aligned_alloc_nolock(64, 64, kUnknown)), nullptr);
  EXPECT_EQ(opaque(reslab_aligned_alloc_nolock(none, 64, RESLAB_GROW)), nullptr);
  EXPECT_EQ(opaque(reslab_aligned_alloc_nolock(odd, 64, RESLAB_GROW)), nullptr);
  EXPECT_EQ(opaque(reslab_aligned_alloc_nolock(64, RESLAB_NOLOCK_MAX + 1, RESLAB_GROW)), nullptr);
  EXPECT_EQ(opaque(reslab_pages_alloc_nolock(RESLAB_PAGES_MAX_ORDER + 1, RESLAB_GROW)), nullptr);
  EXPECT_EQ(opaque(reslab_pages_alloc_nolock(0, kUnknown)), nullptr);
  EXPECT_EQ(failures() - before, 8u);
  reslab_reserve* reserve = reslab_reserve_create(64, 1);
  ASSERT_NE(reserve, nullptr);
  void* only = opaque(reslab_reserve_alloc(reserve, 64, RESLAB_NORETRY));
  EXPECT_NE(only, nullptr);
  EXPECT_EQ(opaque(reslab_reserve_alloc(reserve, 64, RESLAB_NORETRY)), nullptr);
  EXPECT_EQ(failures() - before, 9u);
  reslab_free(only);
  EXPECT_EQ(reslab_reserve_destroy(reserve), 0);
}

TEST_F(Nolock, WithoutGrowItFailsInTheEndAndIsCounted) {
  const uint64_t before = failures();
  std::vector<void*> taken;
  taken.reserve(1 << 20);
  void* last = nullptr;
  do {
    last = opaque(reslab_malloc_nolock(RESLAB_NOLOCK_MAX, 0));
    if (last != nullptr) taken.push_back(last);
  } while (last != nullptr && taken.size() < (1 << 16));
  EXPECT_EQ(last, nullptr) << "16 GiB without growing";
  EXPECT_GT(failures(), before);
  for (void* pointer : taken) reslab_free_nolock(pointer);
  EXPECT_NE(opaque(reslab_malloc_nolock(64, RESLAB_GROW)), nullptr);
}

// Only nolock frees, and only plain allocations: what is deferred comes back by refills alone (lesson 3).
TEST_F(Nolock, DeferredFreesComeBack) {
  const auto committed = [] {
    reslab_stats stats = {};
    reslab_get_stats(&stats, sizeof stats);
    return stats.bytes_committed;
  };
  const auto cycle = [](int rounds) {
    for (int round = 0; round < rounds; ++round) {
      void* pointers[2000];
      for (void*& pointer : pointers) pointer = opaque(malloc(200));
      for (void* pointer : pointers) reslab_free_nolock(pointer);
    }
  };
  cycle(50);
  const uint64_t before = committed();
  cycle(1000);
  EXPECT_LE(committed(), before + (4 << 20));
}

TEST_F(Nolock, FlushDeferredLeavesNonePending) {
  for (int i = 0; i < 5; ++i) {
    void* pointers[3000];
    for (void*& pointer : pointers) pointer = opaque(malloc(64));
    for (void* pointer : pointers) reslab_free_nolock(pointer);
  }
  reslab_flush_deferred();
  reslab_stats stats = {};
  ASSERT_EQ(reslab_get_stats(&stats, sizeof stats), 0);
  EXPECT_EQ(stats.deferred_pending, 0u);
  EXPECT_EQ(reslab_flush_deferred(), 0u);
}

TEST_F(Nolock, PageSizeIsTheSystems) { EXPECT_EQ(reslab_page_size(), static_cast<size_t>(sysconf(_SC_PAGESIZE))); }

}  // namespace
}  // namespace api
