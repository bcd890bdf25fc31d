// SPDX-License-Identifier: Apache-2.0
// heap: memory that was asked for zeroed is zero, however dirty what it is made of was left.
#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <cstring>
#include <vector>

#include "support/calls.h"

namespace reslab {
namespace {

bool is_zero(const void* object, size_t bytes) {
  const char* start = static_cast<const char*>(object);
  return bytes == 0 || (start[0] == 0 && memcmp(start, start + 1, bytes - 1) == 0);
}

// Fills what `bytes` is likely to be served from with ones, and frees it again.
void leave_dirty(size_t bytes) {
  std::vector<void*> objects(bytes > 100000 ? 3 : 100);
  for (void*& object : objects) {
    object = reslab_malloc(bytes);
    memset(object, 0xff, reslab_usable_size(object));
  }
  for (void* object : objects) reslab_free(object);
}

void expect_zero_after_dirt(const unit::AllocatingCall& call, size_t bytes) {
  leave_dirty(bytes);
  std::vector<void*> objects(bytes > 100000 ? 4 : 150);  // some recycled, some fresh
  for (void*& object : objects) {
    object = call.allocate(bytes);
    ASSERT_NE(object, nullptr);
    ASSERT_TRUE(is_zero(object, bytes)) << call.name << " " << bytes;
    memset(object, 0xff, reslab_usable_size(object));
  }
  for (void* object : objects) reslab_free(object);
}

TEST(HeapZero, MemoryAskedForZeroedIsZeroWhateverItWas) {
  for (const unit::AllocatingCall& call : unit::kAllocatingCalls) {
    for (const size_t bytes : unit::kSizes) {
      if (call.zeroed && bytes <= call.most) expect_zero_after_dirt(call, bytes);
    }
  }
}

TEST(HeapZero, CallocOfManySmallOnesClearsThemAll) {
  leave_dirty(3000);
  char* object = static_cast<char*>(unit::opaque(reslab_calloc(30, 100)));
  EXPECT_TRUE(is_zero(object, 3000));
  reslab_free(object);
}

// Runs that were dirty, purged, moved away by mremap, shrunk: each way their units come back.
TEST(HeapZero, LargeBlocksAreZeroAfterEveryWayTheirUnitsWereUsed) {
  constexpr size_t kMiB = size_t{1} << 20;
  for (int round = 0; round < 20; ++round) {
    char* moved = static_cast<char*>(reslab_malloc(4 * kMiB));
    memset(moved, 0xff, 4 * kMiB);
    void* in_the_way = reslab_malloc(kMiB);
    moved = static_cast<char*>(unit::opaque(reslab_realloc(moved, 9 * kMiB)));
    ASSERT_NE(moved, nullptr);
    memset(moved, 0xff, 9 * kMiB);
    moved = static_cast<char*>(unit::opaque(reslab_realloc(moved, 3 * kMiB)));
    char* zeroed[3];
    for (char*& one : zeroed) {
      one = static_cast<char*>(unit::opaque(reslab_calloc(1, 3 * kMiB)));
      ASSERT_TRUE(is_zero(one, 3 * kMiB)) << "round " << round;
      memset(one, 0xff, 3 * kMiB);
    }
    if (round % 3 == 0) reslab_trim(0);
    for (char* one : zeroed) reslab_free(one);
    reslab_free(moved);
    reslab_free(in_the_way);
    if (round % 5 == 0) reslab_trim(0);
  }
}

TEST(HeapZero, ManyZeroedBlocksAcrossTrimsStayZero) {
  for (int round = 0; round < 10; ++round) {
    std::vector<char*> blocks;
    for (size_t i = 0; i < 40; ++i) {
      const size_t bytes = (300 + 97 * i % 900) << 10;
      blocks.push_back(static_cast<char*>(unit::opaque(reslab_calloc(bytes, 1))));
      ASSERT_TRUE(is_zero(blocks.back(), bytes));
      memset(blocks.back(), 0xff, reslab_usable_size(blocks.back()));
    }
    for (size_t i = 0; i < blocks.size(); ++i) reslab_free(blocks[i * 7 % blocks.size()]);
    if (round % 2 == 0) reslab_trim(round % 4 == 0 ? 0 : 1 << 20);
  }
}

}  // namespace
}  // namespace reslab
