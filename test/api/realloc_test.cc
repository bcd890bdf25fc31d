// SPDX-License-Identifier: Apache-2.0
// realloc and reallocarray at their edges.

#include <reslab/reslab.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>

#include "family.h"
#include "support/opaque.h"

namespace api {
namespace {

using unit::opaque;

struct Resizer {
  const char* name;
  void* (*resize)(void*, size_t);
};

void PrintTo(const Resizer& row, std::ostream* out) { *out << row.name; }

const Resizer kResizers[] = {
    {"realloc", [](void* p, size_t n) { return realloc(p, n); }},
    {"reallocarray", [](void* p, size_t n) { return reallocarray(p, n, 1); }},
    {"reslab_realloc", [](void* p, size_t n) { return reslab_realloc(p, n); }},
    {"reslab_reallocarray", [](void* p, size_t n) { return reslab_reallocarray(p, 1, n); }},
};

class Realloc : public testing::TestWithParam<Resizer> {
 protected:
  unsigned char* resize(void* pointer, size_t bytes) {
    return static_cast<unsigned char*>(opaque(GetParam().resize(pointer, bytes)));
  }
};

// A byte that tells offset and seed, so that a page moved to the wrong place is seen.
unsigned char pattern(size_t offset, size_t seed) {
  return static_cast<unsigned char>(offset * 131 + (offset >> 12) + seed);
}

void fill(unsigned char* bytes, size_t from, size_t to, size_t seed) {
  for (size_t i = from; i < to; ++i) bytes[i] = pattern(i, seed);
}

size_t first_difference(const unsigned char* bytes, size_t count, size_t seed) {
  for (size_t i = 0; i < count; ++i) {
    if (bytes[i] != pattern(i, seed)) return i;
  }
  return count;
}

TEST_P(Realloc, OfNullAllocates) {
  unsigned char* pointer = resize(nullptr, 100);
  ASSERT_NE(pointer, nullptr);
  memset(pointer, 1, 100);
  free(pointer);
}

TEST_P(Realloc, ToSizeZeroKeepsAnObjectToFree) {
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{1000}, size_t{1} << 20}) {
    void* other = opaque(malloc(0));
    unsigned char* pointer = resize(malloc(bytes), 0);
    EXPECT_NE(pointer, nullptr);
    EXPECT_NE(pointer, other);
    free(pointer);
    free(other);
  }
}

TEST_P(Realloc, KeepsTheContentsBetweenAnyTwoSizes) {
  const size_t sizes[] = {1,     15,     16,     17,     100,    1000,   4096,    8192,    8193,
                          65536, 100000, 262144, 262145, 524288, 600000, 1 << 20, 3 << 20, 16 << 20};
  for (const size_t from : sizes) {
    for (const size_t to : sizes) {
      unsigned char* pointer = resize(nullptr, from);
      ASSERT_NE(pointer, nullptr);
      fill(pointer, 0, from, from);
      pointer = resize(pointer, to);
      ASSERT_NE(pointer, nullptr) << from << " -> " << to;
      const size_t kept = from < to ? from : to;
      EXPECT_EQ(first_difference(pointer, kept, from), kept) << from << " -> " << to;
      EXPECT_TRUE(unit::is_aligned(pointer, 16));
      EXPECT_GE(reslab_usable_size(pointer), to);
      memset(pointer, 0, to);
      free(pointer);
    }
  }
}

TEST_P(Realloc, ALongBlockGrowsByHalfManyTimes) {
  size_t bytes = 1;
  unsigned char* pointer = resize(nullptr, bytes);
  fill(pointer, 0, bytes, 7);
  while (bytes < (size_t{128} << 20)) {
    const size_t more = bytes + bytes / 2 + 1;
    pointer = resize(pointer, more);
    ASSERT_NE(pointer, nullptr) << more;
    fill(pointer, bytes, more, 7);
    bytes = more;
    const size_t probe = bytes < 65536 ? bytes : 65536;
    ASSERT_EQ(first_difference(pointer, probe, 7), probe) << bytes;
  }
  EXPECT_EQ(first_difference(pointer, bytes, 7), bytes);
  free(pointer);
}

TEST_P(Realloc, ManyBlocksOfAllSizesAtRandom) {
  std::mt19937_64 random(42);
  struct Block {
    unsigned char* bytes = nullptr;
    size_t size = 0;
  };
  std::vector<Block> blocks(40);
  for (int round = 0; round < 4000; ++round) {
    const size_t seed = random() % blocks.size();
    Block& block = blocks[seed];
    ASSERT_EQ(first_difference(block.bytes, block.size, seed), block.size) << "block " << seed << ", round " << round;
    const size_t size = random() % (size_t{1} << (4 + random() % 18));
    block.bytes = resize(block.bytes, size);
    ASSERT_NE(block.bytes, nullptr);
    if (size > block.size) fill(block.bytes, block.size, size, seed);
    block.size = size;
  }
  for (const Block& block : blocks) free(block.bytes);
}

TEST_P(Realloc, FailureLeavesTheObject) {
  unsigned char* pointer = resize(nullptr, 5000);
  ASSERT_NE(pointer, nullptr);
  fill(pointer, 0, 5000, 3);
  for (const size_t bytes : {size_t{PTRDIFF_MAX}, SIZE_MAX, SIZE_MAX - 4096, size_t{1} << 62}) {
    errno = 0;
    EXPECT_EQ(resize(pointer, bytes), nullptr) << bytes;
    EXPECT_EQ(errno, ENOMEM) << bytes;
  }
  EXPECT_EQ(first_difference(pointer, 5000, 3), 5000u);
  free(pointer);
}

TEST_P(Realloc, WithinWhatItHasStaysInPlace) {
  for (const size_t bytes : {size_t{100}, size_t{5000}, size_t{300000}, size_t{5} << 20}) {
    unsigned char* pointer = resize(nullptr, bytes);
    ASSERT_NE(pointer, nullptr);
    EXPECT_EQ(resize(pointer, reslab_usable_size(pointer)), pointer);
    EXPECT_EQ(resize(pointer, bytes), pointer);
    free(pointer);
  }
}

TEST_P(Realloc, ShrinkingALongBlockGivesMemoryBack) {
  constexpr size_t kLong = size_t{64} << 20;
  unsigned char* pointer = resize(nullptr, kLong);
  ASSERT_NE(pointer, nullptr);
  pointer = resize(pointer, 4096);
  ASSERT_NE(pointer, nullptr);
  EXPECT_LT(reslab_usable_size(pointer), kLong / 2);
  free(pointer);
}

INSTANTIATE_TEST_SUITE_P(Every, Realloc, testing::ValuesIn(kResizers), row_name<Resizer>);

}  // namespace
}  // namespace api
