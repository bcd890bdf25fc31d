// SPDX-License-Identifier: Apache-2.0
// heap: what every allocating call gives, for every class and around every limit: alignment, usable bytes, and the sizes
// that cannot be had. For lesson 14 of docs/lessons.md.
#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <set>

#include "slab/size_classes.h"
#include "support/audit.h"
#include "support/calls.h"
#include "support/ledger.h"

namespace reslab {
namespace {

TEST(HeapSizes, EveryCallGivesAlignedMemoryThatHoldsWhatWasAskedFor) {
  for (const unit::AllocatingCall& call : unit::kAllocatingCalls) {
    for (const size_t bytes : unit::kSizes) {
      if (bytes > call.most) continue;
      SCOPED_TRACE(testing::Message() << call.name << " " << bytes);
      void* object = call.allocate(bytes);
      ASSERT_NE(object, nullptr);
      EXPECT_TRUE(unit::is_aligned(object, call.aligned));
      const size_t usable = reslab_usable_size(object);
      EXPECT_GE(usable, bytes);
      EXPECT_GE(usable, 16u);
      memset(object, 0x5a, usable);
      reslab_free(object);
    }
  }
  unit::expect_sound_heap();
}

TEST(HeapSizes, EveryClassGivesItsOwnSizeAndGoodSizeTellsIt) {
  for (ClassId cls = 1; cls < kMallocClasses; ++cls) {
    const size_t bytes = object_bytes_of(cls), least = cls == 1 ? 0 : object_bytes_of(cls - 1) + 1;
    for (const size_t asked : {least, (least + bytes) / 2, bytes}) {
      void* object = reslab_malloc(asked);
      EXPECT_TRUE(unit::is_aligned(object, alignof(max_align_t))) << asked;
      EXPECT_EQ(reslab_usable_size(object), bytes) << asked;
      EXPECT_EQ(reslab_good_size(asked), bytes) << asked;
      reslab_free(object);
    }
  }
}

TEST(HeapSizes, LargeOnesGetWholeUnits) {
  for (const size_t bytes : {size_t{262145}, size_t{300000}, size_t{1} << 20, (size_t{1} << 26) + 1}) {
    void* object = unit::opaque(reslab_malloc(bytes));
    EXPECT_EQ(reslab_usable_size(object), (bytes + 65535) / 65536 * 65536);
    EXPECT_EQ(reslab_good_size(bytes), reslab_usable_size(object));
    EXPECT_TRUE(unit::is_aligned(object, 65536));
    reslab_free(object);
  }
}

// Only `any` calls may be served by a larger class than the size's own.
TEST(HeapSizes, PlainCallsUseTheSizesOwnClass) {
  std::set<void*> live;
  for (int round = 0; round < 3000; ++round) {
    const size_t bytes = static_cast<size_t>(round * 37 % 5000);
    void* object = reslab_malloc(bytes);
    ASSERT_EQ(reslab_usable_size(object), reslab_good_size(bytes));
    ASSERT_TRUE(live.insert(unit::opaque(object)).second);
  }
  for (void* object : live) reslab_free(object);
}

TEST(HeapSizes, EveryPowerOfTwoIsAnAlignmentAndNothingElse) {
  for (size_t alignment = 1; alignment <= size_t{64} << 20; alignment *= 2) {
    for (const size_t bytes : {size_t{0}, size_t{1}, size_t{100}, size_t{5000}, size_t{70000}, size_t{300000}}) {
      SCOPED_TRACE(testing::Message() << alignment << ", " << bytes);
      void* object = unit::opaque(reslab_aligned_alloc(alignment, bytes));
      ASSERT_NE(object, nullptr);
      EXPECT_TRUE(unit::is_aligned(object, alignment < 16 ? 16 : alignment));
      EXPECT_GE(reslab_usable_size(object), bytes);
      memset(object, 1, bytes);
      reslab_free(object);
    }
  }
  for (const size_t alignment : {size_t{0}, size_t{3}, size_t{24}, size_t{4097}, SIZE_MAX}) {
    errno = 0;
    EXPECT_EQ(unit::opaque(reslab_aligned_alloc(alignment, 100)), nullptr) << alignment;
    EXPECT_EQ(errno, EINVAL) << alignment;
    EXPECT_EQ(unit::opaque(reslab_aligned_alloc_nolock(alignment, 100, RESLAB_GROW)), nullptr) << alignment;
  }
}

TEST(HeapSizes, PosixMemalignTellsByItsResultAndTouchesNothingElse) {
  for (const size_t alignment : {size_t{0}, size_t{1}, size_t{2}, size_t{4}, size_t{12}, size_t{24}, size_t{100}}) {
    void* untouched = &untouched;
    errno = 12345;
    EXPECT_EQ(reslab_posix_memalign(&untouched, alignment, 100), EINVAL) << alignment;
    EXPECT_EQ(untouched, &untouched);
    EXPECT_EQ(errno, 12345);
  }
  void* untouched = &untouched;
  EXPECT_EQ(reslab_posix_memalign(&untouched, 64, SIZE_MAX), ENOMEM);
  EXPECT_EQ(untouched, &untouched);
  EXPECT_EQ(errno, 12345) << "POSIX: errno is not set";
  EXPECT_EQ(reslab_posix_memalign(&untouched, 8, 100), 0);
  reslab_free(untouched);
}

TEST(HeapSizes, ZeroBytesGiveAPointerOfTheirOwn) {
  void* first = reslab_malloc(0);
  void* second = reslab_malloc(0);
  void* third = reslab_calloc(0, 10);
  EXPECT_NE(unit::address_of(first), unit::address_of(second));
  EXPECT_NE(unit::address_of(second), unit::address_of(third));
  EXPECT_NE(unit::address_of(first), 0u);
  reslab_free(first);
  reslab_free(second);
  reslab_free(third);
}

TEST(HeapSizes, WhatCannotExistFailsWithEnomem) {
  volatile size_t limit = PTRDIFF_MAX;  // volatile: the compiler warns of such sizes
  for (const size_t bytes : {limit + 1, limit + 0, limit - 4096, SIZE_MAX - 0, SIZE_MAX - 15, SIZE_MAX - 65535}) {
    for (const unit::AllocatingCall& call : unit::kAllocatingCalls) {
      SCOPED_TRACE(testing::Message() << call.name << " " << bytes);
      errno = 0;
      EXPECT_EQ(call.allocate(bytes), nullptr);
      const bool sets_errno = call.most == unit::kAnySize && call.aligned != 4096;
      EXPECT_EQ(errno, sets_errno ? ENOMEM : 0);
    }
  }
  EXPECT_EQ(reslab_good_size(limit + 1), 0u);
  EXPECT_EQ(reslab_good_size(SIZE_MAX), 0u);
}

TEST(HeapSizes, ProductsThatOverflowFailWithEnomem) {
  volatile size_t half = size_t{1} << 63, root = size_t{1} << 32;
  const size_t pairs[][2] = {
      {half, 2}, {2, half}, {root, root}, {root + 1, root}, {SIZE_MAX, SIZE_MAX}, {SIZE_MAX / 16 + 1, 16}};
  void* object = reslab_malloc(10);
  for (const auto& [count, bytes] : pairs) {
    errno = 0;
    EXPECT_EQ(unit::opaque(reslab_calloc(count, bytes)), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    errno = 0;
    EXPECT_EQ(unit::opaque(reslab_reallocarray(object, count, bytes)), nullptr);
    EXPECT_EQ(errno, ENOMEM);
  }
  reslab_free(object);
}

TEST(HeapSizes, FailedCallsLeaveNothingBehind) {
  const unit::Counts before = unit::live_objects();
  volatile size_t too_much = PTRDIFF_MAX / 2;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(unit::opaque(reslab_malloc(too_much)), nullptr);
  unit::expect_balance(before, {});
  unit::expect_sound_heap();
}

TEST(HeapSizes, UsableSizeOfNothingIsZero) { EXPECT_EQ(reslab_usable_size(nullptr), 0u); }

}  // namespace
}  // namespace reslab
