// SPDX-License-Identifier: Apache-2.0
// Memory from any allocating function may be given to any freeing function (P7), on any thread, and no free touches
// errno (lesson 28).

#include <reslab/reslab.h>

#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "classes.h"
#include "family.h"
#include "support/opaque.h"

namespace api {
namespace {

using unit::opaque;

// One size for each way an object is kept: classes small and large, a run, a block of many units.
constexpr size_t kSizes[] = {0, 16, 100, 1024, 8192, 8193, 100000, 262144, 262145, 1 << 20, 9 << 20};

// As many objects as fill 32 MiB, at most `most`: more than a magazine of the class holds.
std::vector<void*> allocate_many(size_t bytes, size_t most) {
  const size_t fitting = (size_t{32} << 20) / (bytes + 1);
  std::vector<void*> pointers(fitting < most ? fitting : most);
  for (void*& pointer : pointers) {
    pointer = opaque(malloc(bytes));
    EXPECT_NE(pointer, nullptr);
  }
  return pointers;
}

class Pairing : public testing::TestWithParam<Releaser> {};

TEST_P(Pairing, TakesMemoryFromEveryAllocator) {
  for (const Allocator& allocator : allocators()) {
    for (const size_t bytes : kSizes) {
      if (bytes > allocator.max_bytes) continue;
      void* pointer = opaque(allocator.allocate(bytes));
      ASSERT_NE(pointer, nullptr) << allocator.name << " " << bytes;
      memset(pointer, 1, bytes);
      GetParam().release(pointer, bytes);
    }
  }
}

TEST_P(Pairing, TakesMemoryOfAnotherThread) {
  for (const size_t bytes : kSizes) {
    std::vector<void*> pointers;
    std::thread([&pointers, bytes] { pointers = allocate_many(bytes, 100); }).join();
    for (void* pointer : pointers) GetParam().release(pointer, bytes);
  }
}

TEST_P(Pairing, KeepsErrno) {
  for (const size_t bytes : kSizes) {
    const std::vector<void*> pointers = allocate_many(bytes, 2000);  // some of the frees flush
    for (void* pointer : pointers) memset(pointer, 1, bytes);        // and some purge
    for (void* pointer : pointers) {
      errno = 4711;
      GetParam().release(pointer, bytes);
      ASSERT_EQ(errno, 4711) << bytes << " bytes";
    }
  }
}

TEST_P(Pairing, LeavesNothingBehind) {
  for (const size_t bytes : kSizes) {
    const int64_t before = live_objects(bytes);
    for (void* pointer : allocate_many(bytes, 500)) GetParam().release(pointer, bytes);
    // GoogleTest's own strings come and go in small classes.
    EXPECT_LT(live_objects(bytes) - before, 10) << "live objects of " << bytes << " bytes";
  }
}

INSTANTIATE_TEST_SUITE_P(Every, Pairing, testing::ValuesIn(releasers()), row_name<Releaser>);

TEST(FreeOfNull, DoesNothingEverywhere) {
  for (const Releaser& releaser : releasers()) {
    if (std::string(releaser.name) == "realloc_and_free") continue;  // allocates
    errno = 4711;
    releaser.release(nullptr, 0);
    releaser.release(nullptr, 100);
    EXPECT_EQ(errno, 4711) << releaser.name;
  }
  EXPECT_EQ(reslab_usable_size(nullptr), 0u);
}

// An object is the same whatever function made it (lesson 1).
TEST(Objects, HaveTheSamePlaceWhoeverMadeThem) {
  for (const size_t bytes : {size_t{64}, size_t{1024}, size_t{65536}}) {
    for (const Allocator& allocator : allocators()) {
      if (allocator.alignment > 64) continue;  // page-aligned ones may need a larger class
      void* pointer = opaque(allocator.allocate(bytes));
      ASSERT_NE(pointer, nullptr) << allocator.name;
      EXPECT_EQ(reslab_usable_size(pointer), reslab_good_size(bytes)) << allocator.name << " " << bytes;
      reslab_free(pointer);
    }
  }
}

}  // namespace
}  // namespace api
