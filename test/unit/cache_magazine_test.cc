// SPDX-License-Identifier: Apache-2.0
// cache/magazine: the same behaviour in both modes, on regions of the test's own.
#include "cache/magazine.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/regions.h"

namespace reslab {
namespace {

constexpr ClassId kClass = 8;
const ClassInfo& info = class_info(kClass);

class MagazineTest : public unit::OwnRegions {
 protected:
  void SetUp() override {
    unit::OwnRegions::SetUp();
    open_all(info.magazine);
  }

  void open_all(uint32_t capacity) {
    for (uint32_t slot = 0; slot < slots(); ++slot) {
      memset(words(slot), 0, kRegionBytes);
      header(slot, kClass).store(header_of(info.begin, info.begin + capacity));
    }
  }

  // Operations that succeed whatever the scheduler does; the thread stays on one CPU.
  Section push(uintptr_t number) {
    Section section;
    do section = magazine_push(kClass, unit::token(number));
    while (section == Section::kAborted);
    return section;
  }
  void* pop() {
    PopResult result;
    do result = magazine_pop(kClass);
    while (result.section == Section::kAborted);
    return result.object;
  }

 private:
  const unit::Pinned pinned_{unit::allowed_cpus().front()};
};

TEST_F(MagazineTest, GivesBackWhatWasPushedLastFirst) {
  EXPECT_EQ(pop(), nullptr);
  for (uintptr_t i = 0; i < 5; ++i) EXPECT_EQ(push(i), Section::kDone);
  for (uintptr_t i = 5; i-- > 0;) EXPECT_EQ(pop(), unit::token(i));
  EXPECT_EQ(pop(), nullptr);
}

TEST_F(MagazineTest, HoldsAsManyAsItsEndSays) {
  open_all(7);
  for (uintptr_t i = 0; i < 7; ++i) EXPECT_EQ(push(i), Section::kDone);
  EXPECT_EQ(push(7), Section::kBoundary);
  EXPECT_EQ(pop(), unit::token(6));
  EXPECT_EQ(push(8), Section::kDone);
}

TEST_F(MagazineTest, RefusesTheObjectThatIsOnTop) {
  push(1);
  push(2);
  EXPECT_EQ(push(2), Section::kSameAsTop);
  EXPECT_EQ(pop(), unit::token(2));
}

TEST_F(MagazineTest, AnUntouchedOrClosedOneGivesAndTakesNothing) {
  for (const uint64_t closed : {uint64_t{0}, kClosedHeader}) {
    for (uint32_t slot = 0; slot < slots(); ++slot) header(slot, kClass).store(closed);
    void* objects[2] = {unit::token(1), unit::token(2)};
    EXPECT_EQ(pop(), nullptr);
    EXPECT_EQ(push(1), Section::kBoundary);
    EXPECT_EQ(magazine_pop_batch(kClass, objects, 2), 0u);
    EXPECT_EQ(magazine_push_batch(kClass, objects, 2), 0u);
    magazine_resize(kClass, 10);
    for (uint32_t slot = 0; slot < slots(); ++slot) EXPECT_EQ(header(slot, kClass).load(), closed);
  }
}

TEST_F(MagazineTest, BatchesMoveWhatThereIsAndWhatFits) {
  open_all(50);
  std::vector<void*> in(80), out(80);
  for (uintptr_t i = 0; i < 80; ++i) in[i] = unit::token(i);
  EXPECT_EQ(magazine_push_batch(kClass, in.data(), 30), 30u);
  EXPECT_EQ(magazine_push_batch(kClass, in.data() + 30, 50), 20u);
  EXPECT_EQ(magazine_pop_batch(kClass, out.data(), 15), 15u);
  EXPECT_EQ(magazine_pop_batch(kClass, out.data() + 15, 60), 35u);
  EXPECT_EQ(magazine_pop_batch(kClass, out.data(), 1), 0u);
  std::vector<bool> seen(80);
  for (size_t i = 0; i < 50; ++i) seen[unit::token_number(out[i])] = true;
  for (size_t i = 0; i < 80; ++i) EXPECT_EQ(seen[i], i < 50);
}

TEST_F(MagazineTest, ABatchOfNothingMovesNothing) {
  push(1);
  void* none[1] = {unit::token(9)};
  EXPECT_EQ(magazine_pop_batch(kClass, none, 0), 0u);
  EXPECT_EQ(none[0], unit::token(9));
  EXPECT_EQ(magazine_push_batch(kClass, none, 0), 0u);
  EXPECT_EQ(pop(), unit::token(1));
  EXPECT_EQ(pop(), nullptr);
}

TEST_F(MagazineTest, ShrunkBelowWhatItHoldsItGivesThatAndTakesNoMore) {
  for (uintptr_t i = 0; i < 10; ++i) push(i);
  magazine_resize(kClass, 4);
  EXPECT_EQ(push(20), Section::kBoundary);
  for (uintptr_t i = 10; i-- > 0;) EXPECT_EQ(pop(), unit::token(i));
  for (uintptr_t i = 0; i < 4; ++i) EXPECT_EQ(push(i), Section::kDone);
  EXPECT_EQ(push(20), Section::kBoundary);
  magazine_resize(kClass, 5);
  EXPECT_EQ(push(20), Section::kDone);
}

TEST_F(MagazineTest, OpensOnceWithRoomForSome) {
  for (uint32_t slot = 0; slot < slots(); ++slot) header(slot, kClass).store(0);
  magazine_open(0, kClass);
  const uint64_t opened = header(0, kClass).load();
  EXPECT_EQ(header_top(opened), info.begin);
  EXPECT_GT(header_end(opened), info.begin);
  EXPECT_LE(header_end(opened), info.begin + info.magazine);
  header(0, kClass).store(header_of(info.begin + 3, info.begin + 9));
  magazine_open(0, kClass);
  EXPECT_EQ(header(0, kClass).load(), header_of(info.begin + 3, info.begin + 9));
}

TEST(MagazineCapacity, GrowsWithWarmthUpToTheArrayAndNotBeyond) {
  for (ClassId cls = 1; cls < kMallocClasses; ++cls) {
    uint32_t before = 0;
    for (uint32_t warmth = 0; warmth < 100; ++warmth) {
      const uint32_t capacity = capacity_at(class_info(cls), warmth);
      ASSERT_GE(capacity, before);
      ASSERT_LE(capacity, class_info(cls).magazine);
      before = capacity;
    }
    EXPECT_EQ(before, class_info(cls).magazine);
    EXPECT_EQ(capacity_at(class_info(cls), 0), 0u) << "a cold class caches nothing";
  }
}

// What a lost race leaves above the hint in fallback mode: no pop sees it, a batch does.
TEST_F(MagazineTest, ABatchFindsWhatTheHintHides) {
  if (in_rseq_mode()) GTEST_SKIP() << "sections have no hint: their top is exact";
  for (uintptr_t i = 0; i < 5; ++i) push(i);
  for (uint32_t slot = 0; slot < slots(); ++slot) {
    const uint32_t end = header_end(header(slot, kClass).load());
    header(slot, kClass).store(header_of(info.begin, end));
  }
  EXPECT_EQ(pop(), nullptr);
  void* out[8];
  EXPECT_EQ(magazine_pop_batch(kClass, out, 8), 5u);
}

}  // namespace
}  // namespace reslab
