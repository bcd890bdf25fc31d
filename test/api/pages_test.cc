// SPDX-License-Identifier: Apache-2.0
// reslab_pages_*: whole pages at their natural alignment, from any context.

#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "mode.h"
#include "support/opaque.h"

namespace api {
namespace {

using unit::opaque;

size_t bytes_of(unsigned order) { return reslab_page_size() << order; }

TEST(Pages, ArriveAtTheirNaturalAlignment) {
  for (unsigned order = 0; order <= RESLAB_PAGES_MAX_ORDER; ++order) {
    std::vector<void*> held;
    for (int i = 0; i < 9; ++i) {
      void* pages = opaque(reslab_pages_alloc_nolock(order, RESLAB_GROW));
      ASSERT_NE(pages, nullptr) << "order " << order;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(pages) % bytes_of(order), 0u) << "order " << order;
      EXPECT_EQ(reslab_usable_size(pages), bytes_of(order));
      memset(pages, 0x5a, bytes_of(order));
      held.push_back(pages);
    }
    for (void* pages : held) reslab_pages_free_nolock(pages, order);
  }
}

TEST(Pages, ZeroedOnRequestAfterDirtyReuse) {
  for (unsigned order = 0; order <= RESLAB_PAGES_MAX_ORDER; ++order) {
    for (int round = 0; round < 3; ++round) {
      auto* pages = static_cast<unsigned char*>(opaque(reslab_pages_alloc_nolock(order, RESLAB_GROW | RESLAB_ZERO)));
      ASSERT_NE(pages, nullptr);
      for (size_t i = 0; i < bytes_of(order); ++i) ASSERT_EQ(pages[i], 0) << "order " << order << " byte " << i;
      memset(pages, 0xff, bytes_of(order));
      reslab_pages_free_nolock(pages, order);
    }
  }
}

TEST(Pages, OrdersBeyondTheLimitAndUnknownFlagsAreRefusedAndCounted) {
  reslab_stats before = {}, after = {};
  reslab_get_stats(&before, sizeof before);
  errno = 4711;
  EXPECT_EQ(opaque(reslab_pages_alloc_nolock(RESLAB_PAGES_MAX_ORDER + 1, RESLAB_GROW)), nullptr);
  EXPECT_EQ(opaque(reslab_pages_alloc_nolock(~0u, RESLAB_GROW)), nullptr);
  EXPECT_EQ(opaque(reslab_pages_alloc_nolock(0, 1u << 9)), nullptr);
  EXPECT_EQ(errno, 4711);
  reslab_get_stats(&after, sizeof after);
  EXPECT_EQ(after.nolock_failures - before.nolock_failures, 3u);
}

TEST(Pages, AnyFreeTakesThem) {
  for (unsigned order = 0; order <= RESLAB_PAGES_MAX_ORDER; ++order) {
    reslab_free(opaque(reslab_pages_alloc_nolock(order, RESLAB_GROW)));
    reslab_free_nolock(opaque(reslab_pages_alloc_nolock(order, RESLAB_GROW)));
    reslab_free_sized(opaque(reslab_pages_alloc_nolock(order, RESLAB_GROW)), bytes_of(order));
  }
  reslab_pages_free_nolock(nullptr, 3);
  EXPECT_EQ(reslab_check(2), 0);
}

TEST(Pages, AStrictCallIsServedFromWhatPlainCallsKeepReady) {
  reslab_free(opaque(reslab_malloc(100000)));
  unsigned order = 0;
  while (bytes_of(order) < size_t{1} << 20) ++order;  // less than is kept ready
  void* pages = opaque(reslab_pages_alloc_nolock(order, 0));
  EXPECT_NE(pages, nullptr);
  reslab_pages_free_nolock(pages, order);
}

size_t committed_bytes() {
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  return stats.bytes_committed;
}

// Orders at random for a while: what is free stays usable for the largest order, so that as much as was in use can be had
// in pieces of that without new memory.
TEST(Pages, ALongRandomRunLeavesLargeOrdersPossible) {
  std::mt19937 random(20);
  struct Held {
    void* pages;
    unsigned order;
  };
  std::vector<Held> held;
  const size_t enough = bytes_of(14);
  size_t live = 0, peak = 0;
  for (int i = 0; i < 100000; ++i) {
    if (live < enough && (held.empty() || random() % 2 == 0)) {
      const auto order = static_cast<unsigned>(random() % (RESLAB_PAGES_MAX_ORDER + 1));
      void* pages = opaque(reslab_pages_alloc_nolock(order, RESLAB_GROW));
      ASSERT_NE(pages, nullptr);
      held.push_back({pages, order});
      live += bytes_of(order);
      peak = live > peak ? live : peak;
    } else {
      std::swap(held[random() % held.size()], held.back());
      live -= bytes_of(held.back().order);
      reslab_pages_free_nolock(held.back().pages, held.back().order);
      held.pop_back();
    }
  }
  const size_t committed = committed_bytes();
  printf("%zu KiB committed for at most %zu in use\n", committed >> 10, peak >> 10);
  EXPECT_LT(committed, 3 * peak) << "fragmentation is bounded";
  for (const Held& one : held) reslab_pages_free_nolock(one.pages, one.order);
  held.clear();
  for (live = 0; live + bytes_of(RESLAB_PAGES_MAX_ORDER) <= peak; live += bytes_of(RESLAB_PAGES_MAX_ORDER)) {
    held.push_back({reslab_pages_alloc_nolock(RESLAB_PAGES_MAX_ORDER, RESLAB_GROW), RESLAB_PAGES_MAX_ORDER});
    ASSERT_NE(held.back().pages, nullptr);
  }
  EXPECT_EQ(committed_bytes(), committed);
  for (const Held& one : held) reslab_pages_free_nolock(one.pages, one.order);
  EXPECT_EQ(reslab_check(2), 0);
}

TEST(PagesDeathTest, AFreeOfAnotherOrderIsReported) {
  void* pages = opaque(reslab_pages_alloc_nolock(2, RESLAB_GROW));
  ASSERT_NE(pages, nullptr);
  for (const unsigned order : {0u, 1u, 3u}) {
    EXPECT_DEATH(reslab_pages_free_nolock(pages, order),
                 "reslab_pages_free_nolock.*freed with size " + std::to_string(bytes_of(order)) + ", but it is");
  }
  EXPECT_DEATH(reslab_pages_free_nolock(pages, 77), "reslab_pages_free_nolock.*freed with size [0-9]*, but it is");
  reslab_pages_free_nolock(pages, 2);
  void* run = opaque(reslab_pages_alloc_nolock(7, RESLAB_GROW));
  ASSERT_NE(run, nullptr);
  EXPECT_DEATH(reslab_pages_free_nolock(run, 6),
               "reslab_pages_free_nolock.*freed with size " + std::to_string(bytes_of(6)) + ", but it is");
  reslab_pages_free_nolock(run, 7);
}

}  // namespace
}  // namespace api
