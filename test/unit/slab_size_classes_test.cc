// SPDX-License-Identifier: Apache-2.0
// slab/size_classes: the table against its definition. Everything here is exhaustive: all sizes, all classes, all offsets.
#include "slab/size_classes.h"

#include <gtest/gtest.h>

namespace reslab {
namespace {

constexpr ClassId kFirst = 1, kLast = kMallocClasses - 1;

TEST(SizeClasses, TheirObjectsGrowFromOneClassToTheNext) {
  EXPECT_EQ(object_bytes_of(kFirst), 16u);
  EXPECT_EQ(object_bytes_of(kLast), kMaxSmallBytes);
  for (ClassId cls = kFirst; cls <= kLast; ++cls) {
    EXPECT_EQ(class_info(cls).object_bytes, object_bytes_of(cls));
    EXPECT_EQ(object_bytes_of(cls) % 16, 0u) << "every object is aligned to 16 bytes";
    EXPECT_TRUE(cls == kFirst || object_bytes_of(cls) > object_bytes_of(cls - 1));
  }
}

TEST(SizeClasses, EverySizeGetsTheSmallestClassThatHoldsIt) {
  EXPECT_EQ(class_of_size(0), kFirst);
  ClassId expected = kFirst;
  for (size_t bytes = 1; bytes <= kMaxSmallBytes; ++bytes) {
    if (bytes > object_bytes_of(expected)) ++expected;
    ASSERT_EQ(class_of_size(bytes), expected) << bytes;
  }
  EXPECT_EQ(expected, kLast);
}

TEST(SizeClasses, TheTableOfTheFastPathAgreesWithTheFunction) {
  for (size_t bytes = 0; bytes <= kTableBytes; ++bytes) {
    ASSERT_EQ(kSizeClasses.by_size[(bytes + 15) >> 4], class_of_size(bytes)) << bytes;
  }
}

TEST(SizeClasses, AtMostAnEighthOfAnObjectIsWasteAbove128Bytes) {
  for (size_t bytes = 129; bytes <= kMaxSmallBytes; ++bytes) {
    const size_t got = object_bytes_of(class_of_size(bytes));
    ASSERT_LE((got - bytes) * 8, got) << bytes;
  }
}

TEST(SizeClasses, AtMostFifteenBytesAreWasteUpTo128Bytes) {
  for (size_t bytes = 1; bytes <= 128; ++bytes) ASSERT_LT(object_bytes_of(class_of_size(bytes)) - bytes, 16u) << bytes;
}

TEST(SizeClasses, AtMostThreePercentOfASlabIsUnused) {
  for (ClassId cls = kFirst; cls <= kLast; ++cls) {
    const ClassInfo& info = class_info(cls);
    const size_t slab = info.slab_units * kUnitBytes;
    EXPECT_GE(info.slab_units, 1u);
    EXPECT_LE(info.slab_units, kMaxSlabUnits);
    EXPECT_EQ(info.capacity, slab / info.object_bytes);
    EXPECT_LE((slab - size_t{info.capacity} * info.object_bytes) * 100, slab * 3) << info.object_bytes;
  }
}

TEST(SizeClasses, BitmapsHoldOneBitForEachObject) {
  for (ClassId cls = kFirst; cls <= kLast; ++cls) {
    const ClassInfo& info = class_info(cls);
    EXPECT_EQ(info.words, (info.capacity + 63) / 64);
    EXPECT_LE(info.words * 8u, info.dense() ? kDenseBytes : kInlineBits / 8);
    EXPECT_TRUE(!info.dense() || info.slab_units == 1) << "a dense bitmap is one unit's";
  }
}

TEST(SizeClasses, MagazinesLieApartWithANullWordBelowEach) {
  uint32_t end = kFirstArray;
  for (ClassId cls = kFirst; cls <= kLast; ++cls) {
    const ClassInfo& info = class_info(cls);
    EXPECT_GT(info.begin, end) << "its sentinel is a word of its own";
    EXPECT_GE(info.magazine, 1u);
    EXPECT_GE(info.batch, 1u);
    EXPECT_LE(info.batch, kMostBatch) << "a block";
    end = info.begin + info.magazine;
  }
  EXPECT_LE(end, kArraysEnd);
}

TEST(SizeClasses, TheReciprocalFindsEveryStartAndEveryIndexInEverySlab) {
  for (ClassId cls = kFirst; cls <= kLast; ++cls) {
    const ClassInfo& info = class_info(cls);
    uint32_t index = 0;
    size_t start = 0;
    for (size_t offset = 0; offset < info.slab_units * kUnitBytes; ++offset) {
      if (offset - start == info.object_bytes) {
        start = offset;
        ++index;
      }
      const bool is_start = offset == start && index < info.capacity;  // the unused tail begins where an object would
      ASSERT_EQ(is_object_start(info, offset), is_start) << "class " << cls << ", offset " << offset;
      ASSERT_EQ(object_index(info, offset), index) << "class " << cls << ", offset " << offset;
    }
  }
}

// Charged slabs end in tags. A power of two goes without a remainder into every offset of the tail.
TEST(SizeClasses, TheTailOfASlabIsNoObjectWhateverTheSize) {
  for (size_t bytes = 16; bytes <= 16384; bytes *= 2) {
    ClassInfo info = class_info(class_of_size(bytes));
    const size_t last = (info.capacity - 2) * bytes;
    --info.capacity;
    EXPECT_TRUE(is_object_start(info, last)) << bytes;
    EXPECT_FALSE(is_object_start(info, last + bytes)) << bytes;
  }
}

TEST(SizeClasses, AnAlignedClassIsTheSmallestWhoseObjectsAreAllAligned) {
  for (size_t align = 16; align <= kUnitBytes; align *= 2) {
    for (size_t bytes = 0; bytes <= kMaxSmallBytes; bytes += bytes < 4096 ? 1 : 509) {
      const ClassId cls = class_of_aligned(align, bytes);
      ASSERT_NE(cls, kNoClass) << align << ", " << bytes;
      ASSERT_EQ(object_bytes_of(cls) % align, 0u);
      ASSERT_GE(object_bytes_of(cls), bytes);
      for (ClassId smaller = class_of_size(bytes); smaller < cls; ++smaller) {
        ASSERT_NE(object_bytes_of(smaller) % align, 0u)
            << align << ", " << bytes << ": class " << smaller << " would do";
      }
    }
  }
}

}  // namespace
}  // namespace reslab
