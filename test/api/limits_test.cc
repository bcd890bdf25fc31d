// SPDX-License-Identifier: Apache-2.0
// Every allocating function, with sizes on both sides of every limit (lesson 32). For lesson 10 of docs/lessons.md.

#include <reslab/reslab.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>

#include "family.h"
#include "support/opaque.h"

namespace api {
namespace {

using unit::opaque;

class Limits : public testing::TestWithParam<Allocator> {
 protected:
  // errno as a call leaves it that did not touch it.
  static constexpr int kUntouched = 4711;

  void* allocate(size_t bytes) {
    errno = kUntouched;
    return opaque(GetParam().allocate(bytes));
  }

  void expect_failure(size_t bytes) {
    void* pointer = allocate(bytes);
    EXPECT_EQ(pointer, nullptr) << bytes << " bytes";
    if (GetParam().failure == Failure::kEnomem) {
      EXPECT_EQ(errno, ENOMEM) << bytes << " bytes";
    }
    if (GetParam().failure == Failure::kKeeps) {
      EXPECT_EQ(errno, kUntouched) << bytes << " bytes";
    }
    reslab_free(pointer);
  }
};

bool is_zero(const void* memory, size_t bytes) {
  const char* byte = static_cast<const char*>(memory);
  return bytes == 0 || (byte[0] == 0 && memcmp(byte, byte + 1, bytes - 1) == 0);
}

TEST_P(Limits, EverySizeIsAlignedUsableAndWritable) {
  for (const size_t bytes : sizes_around_limits()) {
    if (bytes > GetParam().max_bytes) continue;
    void* pointer = allocate(bytes);
    ASSERT_NE(pointer, nullptr) << bytes << " bytes";
    EXPECT_TRUE(unit::is_aligned(pointer, GetParam().alignment)) << pointer << " of " << bytes << " bytes";
    const size_t usable = reslab_usable_size(pointer);
    EXPECT_GE(usable, bytes);
    memset(pointer, 0xa5, usable);
    reslab_free(pointer);
  }
}

TEST_P(Limits, SizeZeroGivesUniquePointers) {
  std::set<void*> pointers;
  for (int i = 0; i < 1000; ++i) {
    void* pointer = allocate(0);
    ASSERT_NE(pointer, nullptr);
    EXPECT_TRUE(pointers.insert(pointer).second) << pointer << " was given twice";
  }
  for (void* pointer : pointers) reslab_free(pointer);
}

TEST_P(Limits, SizesThatCannotBeFail) {
  for (const size_t bytes : {size_t{PTRDIFF_MAX}, size_t{PTRDIFF_MAX} + 1, size_t{PTRDIFF_MAX} - 1, SIZE_MAX,
                             SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 4095, SIZE_MAX - 65535, SIZE_MAX / 2 + 2}) {
    expect_failure(bytes);
  }
}

TEST_P(Limits, SizesAboveItsOwnLimitFail) {
  const size_t limit = GetParam().max_bytes;
  expect_failure(limit + 1);
  expect_failure(limit + 4096);
}

TEST_P(Limits, ZeroedMemoryIsZeroAfterDirtyUse) {
  if (!GetParam().zeroes) GTEST_SKIP() << "does not promise zeroes";
  for (const size_t bytes : sizes_around_limits()) {
    if (bytes > GetParam().max_bytes) continue;
    void* dirty[8];
    for (void*& pointer : dirty) {
      pointer = opaque(reslab_malloc(bytes));
      ASSERT_NE(pointer, nullptr);
      memset(pointer, 0xff, reslab_usable_size(pointer));
    }
    for (void* pointer : dirty) reslab_free(opaque(pointer));
    for (void*& pointer : dirty) {
      pointer = allocate(bytes);
      ASSERT_NE(pointer, nullptr);
      EXPECT_TRUE(is_zero(pointer, bytes)) << bytes << " bytes";
    }
    for (void* pointer : dirty) reslab_free(pointer);
  }
}

TEST_P(Limits, ObjectsDoNotOverlap) {
  std::mt19937_64 random(1);
  struct Filled {
    unsigned char* bytes;
    size_t size;
    unsigned char pattern;
  };
  std::vector<Filled> objects;
  for (int i = 0; i < 2000; ++i) {
    const size_t size = random() % 3000;
    auto* bytes = static_cast<unsigned char*>(allocate(size));
    ASSERT_NE(bytes, nullptr);
    objects.push_back({bytes, size, static_cast<unsigned char>(i)});
    memset(bytes, i & 0xff, size);
  }
  for (const Filled& object : objects) {
    for (size_t i = 0; i < object.size; ++i) ASSERT_EQ(object.bytes[i], object.pattern);
    reslab_free(object.bytes);
  }
}

INSTANTIATE_TEST_SUITE_P(Every, Limits, testing::ValuesIn(allocators()), row_name<Allocator>);

// --- products that overflow ------------------------------------------------------------------------------------------

constexpr struct {
  size_t count, bytes;
} kOverflows[] = {
    {SIZE_MAX, 2}, {2, SIZE_MAX}, {SIZE_MAX / 2 + 1, 2}, {size_t{1} << 32, size_t{1} << 32}, {SIZE_MAX, SIZE_MAX}};

template <class Call>
void expect_enomem(Call call) {
  for (const auto& product : kOverflows) {
    volatile size_t count = product.count, bytes = product.bytes;
    errno = 0;
    EXPECT_EQ(opaque(call(count, bytes)), nullptr) << count << " times " << bytes;
    EXPECT_EQ(errno, ENOMEM) << count << " times " << bytes;
  }
}

TEST(Overflow, ProductsThatOverflowFailWithEnomem) {
  expect_enomem([](size_t count, size_t bytes) { return calloc(count, bytes); });
  expect_enomem([](size_t count, size_t bytes) { return reslab_calloc(count, bytes); });
  expect_enomem([](size_t count, size_t bytes) { return reallocarray(nullptr, count, bytes); });
  expect_enomem([](size_t count, size_t bytes) { return reslab_reallocarray(nullptr, count, bytes); });
}

TEST(Overflow, AnObjectOutlivesTheReallocarrayThatFailed) {
  char* text = static_cast<char*>(malloc(6));
  memcpy(text, "intact", 6);
  volatile size_t huge = SIZE_MAX / 2;
  EXPECT_EQ(opaque(reallocarray(opaque(text), huge, 4)), nullptr);
  EXPECT_EQ(opaque(reslab_reallocarray(opaque(text), huge, 4)), nullptr);
  EXPECT_EQ(opaque(realloc(opaque(text), huge + 2)), nullptr);
  EXPECT_EQ(memcmp(opaque(text), "intact", 6), 0);
  free(text);
}

TEST(GoodSize, IsWhatAnAllocationGets) {
  for (const size_t bytes : sizes_around_limits()) {
    void* pointer = opaque(malloc(bytes));
    ASSERT_NE(pointer, nullptr);
    EXPECT_EQ(reslab_good_size(bytes), reslab_usable_size(pointer)) << bytes << " bytes";
    free(pointer);
  }
  EXPECT_EQ(reslab_good_size(size_t{PTRDIFF_MAX} + 1), 0u);
  EXPECT_EQ(reslab_good_size(SIZE_MAX), 0u);
}

TEST(GoodSize, WastesAtMostAnEighth) {
  for (size_t bytes = 129; bytes <= (256 << 10); bytes += 61) {
    const size_t good = reslab_good_size(bytes);
    EXPECT_GE(good, bytes);
    EXPECT_LE(good - bytes, good / 8) << bytes << " bytes";
  }
}

}  // namespace
}  // namespace api
