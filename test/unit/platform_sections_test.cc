// SPDX-License-Identifier: Apache-2.0
// platform/rseq.h: each section does what its pseudo-code says, in every state of a header. Runs on regions of its own,
// and in a process in fallback mode as well: the sections themselves do not know the mode.
#include "platform/rseq.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "support/regions.h"

namespace reslab {
namespace {

constexpr ClassId kClass = 8;  // 128 bytes: 512 slots
const ClassInfo& info = class_info(kClass);
const uint32_t begin = info.begin;
const uint32_t limit = info.begin + info.magazine;

class SectionsTest : public unit::OwnRegions {
 protected:
  // The state before the next section: this header, and the first `count` slots of the class filled.
  void prepare(uint64_t header, uint32_t count = 0) {
    state_.assign(kArraysEnd, 0);
    for (uint32_t i = 0; i < count; ++i) state_[begin + i] = object(i);
    state_[kClass] = header;
  }
  static uint64_t object(uint32_t i) { return reinterpret_cast<uint64_t>(unit::token(i)); }

  template <class Operation>
  auto run(Operation operation) {
    return run_section([this](uint64_t* region) { std::copy(state_.begin(), state_.end(), region); }, operation,
                       [this](uint64_t* region) { state_.assign(region, region + kArraysEnd); });
  }

  uint64_t header() const { return state_[kClass]; }
  uint64_t word(uint32_t i) const { return state_[i]; }
  const std::vector<uint64_t>& state() const { return state_; }

 private:
  std::vector<uint64_t> state_;
};

TEST_F(SectionsTest, AnEmptyMagazineTakesAndGives) {
  prepare(header_of(begin, limit));
  EXPECT_EQ(run([] { return section_pop(kClass); }).section, Section::kBoundary);
  EXPECT_EQ(run([] { return section_push(kClass, unit::token(7)); }), Section::kDone);
  EXPECT_EQ(header(), header_of(begin + 1, limit));
  EXPECT_EQ(word(begin), object(7));
  const PopResult popped = run([] { return section_pop(kClass); });
  EXPECT_EQ(popped.section, Section::kDone);
  EXPECT_EQ(popped.object, unit::token(7));
  EXPECT_EQ(header(), header_of(begin, limit));
}

TEST_F(SectionsTest, AFullMagazineTakesNothing) {
  prepare(header_of(limit, limit), info.magazine);
  const auto before = state();
  void* more[2] = {unit::token(1000), unit::token(1001)};
  EXPECT_EQ(run([&] { return section_push(kClass, more[0]); }), Section::kBoundary);
  const BatchResult batch = run([&] { return section_push_batch(kClass, more, 2); });
  EXPECT_EQ(batch.section, Section::kBoundary);
  EXPECT_EQ(batch.count, 0u);
  EXPECT_TRUE(state() == before);
}

// A region that was never touched, and a magazine that a drain has closed: neither may give, take or change.
TEST_F(SectionsTest, AClosedOrUntouchedHeaderRefusesEverything) {
  for (const uint64_t closed : {uint64_t{0}, kClosedHeader}) {
    SCOPED_TRACE(closed);
    prepare(closed, info.magazine);
    const auto before = state();
    void* out[4] = {unit::token(90), unit::token(91), unit::token(92), unit::token(93)};
    void* const in[2] = {unit::token(80), unit::token(81)};
    EXPECT_EQ(run([] { return section_pop(kClass); }).section, Section::kBoundary);
    EXPECT_EQ(run([] { return section_push(kClass, unit::token(80)); }), Section::kBoundary);
    EXPECT_EQ(run([&] { return section_pop_batch(kClass, begin, out, 4); }).section, Section::kBoundary);
    EXPECT_EQ(run([&] { return section_push_batch(kClass, in, 2); }).section, Section::kBoundary);
    EXPECT_EQ(run([] { return section_resize(kClass, limit); }), Section::kBoundary);
    EXPECT_TRUE(state() == before);
    for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(out[i], unit::token(90 + i));
  }
}

// A drain closes the magazine by one store from another CPU between a push's two loads: the push has the open `end` and
// the closed `top`. Any class's end may be the one it has.
TEST_F(SectionsTest, APushThatSawTheMagazineCloseBetweenItsLoadsFindsNoRoom) {
  void* const in[2] = {unit::token(80), unit::token(81)};
  for (ClassId cls = 1; cls < kMallocClasses; ++cls) {
    const uint32_t open_end = class_info(cls).begin + class_info(cls).magazine;
    prepare(header_of(kClosedTop, open_end));
    const auto before = state();
    ASSERT_EQ(run([] { return section_push(kClass, unit::token(80)); }), Section::kBoundary) << "class " << cls;
    ASSERT_EQ(run([&] { return section_push_batch(kClass, in, 2); }).section, Section::kBoundary) << "class " << cls;
    EXPECT_TRUE(state() == before);
  }
}

TEST_F(SectionsTest, PushRefusesTheObjectThatIsOnTop) {
  prepare(header_of(begin + 3, limit), 3);
  EXPECT_EQ(run([] { return section_push(kClass, unit::token(2)); }), Section::kSameAsTop);
  EXPECT_EQ(header(), header_of(begin + 3, limit));
  EXPECT_EQ(run([] { return section_push(kClass, unit::token(1)); }), Section::kDone);
}

TEST_F(SectionsTest, PopBatchTakesTheTopInOrderAndNoMoreThanThereIs) {
  prepare(header_of(begin + 5, limit), 5);
  void* out[8] = {};
  EXPECT_EQ(run([&] { return section_pop_batch(kClass, begin, out, 3); }).count, 3u);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(out[i], unit::token(2 + i));
  EXPECT_EQ(out[3], nullptr);
  EXPECT_EQ(run([&] { return section_pop_batch(kClass, begin, out, 8); }).count, 2u);
  EXPECT_EQ(out[0], unit::token(0));
  EXPECT_EQ(out[1], unit::token(1));
  EXPECT_EQ(header(), header_of(begin, limit));
}

TEST_F(SectionsTest, PushBatchFillsUpToTheEndAndNotBeyond) {
  prepare(header_of(limit - 2, limit), info.magazine - 2);
  void* const in[4] = {unit::token(900), unit::token(901), unit::token(902), unit::token(903)};
  const uint64_t behind = word(limit);
  EXPECT_EQ(run([&] { return section_push_batch(kClass, in, 4); }).count, 2u);
  EXPECT_EQ(header(), header_of(limit, limit));
  EXPECT_EQ(word(limit - 2), object(900));
  EXPECT_EQ(word(limit - 1), object(901));
  EXPECT_EQ(word(limit), behind) << "the next array's sentinel";
}

TEST_F(SectionsTest, ABatchOfNothingMovesNothing) {
  prepare(header_of(begin + 3, limit), 3);
  const auto before = state();
  void* one[1] = {unit::token(77)};
  EXPECT_EQ(run([&] { return section_pop_batch(kClass, begin, one, 0); }).count, 0u);
  EXPECT_EQ(one[0], unit::token(77));
  EXPECT_EQ(run([&] { return section_push_batch(kClass, one, 0); }).count, 0u);
  EXPECT_TRUE(state() == before);
}

TEST_F(SectionsTest, AMagazineShrunkBelowItsTopGivesButTakesNothing) {
  prepare(header_of(begin + 5, limit), 5);
  EXPECT_EQ(run([] { return section_resize(kClass, begin + 2); }), Section::kDone);
  EXPECT_EQ(header(), header_of(begin + 5, begin + 2));
  void* const in[1] = {unit::token(80)};
  EXPECT_EQ(run([] { return section_push(kClass, unit::token(80)); }), Section::kBoundary);
  EXPECT_EQ(run([&] { return section_push_batch(kClass, in, 1); }).section, Section::kBoundary);
  EXPECT_EQ(run([] { return section_pop(kClass); }).object, unit::token(4));
}

TEST_F(SectionsTest, AThreadWithoutRseqIsToldSoAndChangesNothing) {
  prepare(header_of(begin + 3, limit), 3);
  const auto before = state();
  // An area that says "not registered", as the kernel leaves it, read instead of this thread's own.
  struct Area {
    uint32_t cpu_id_start;
    int32_t cpu_id;
    uint64_t rseq_cs;
    uint64_t rest[2];
  };
  alignas(32) static thread_local Area unregistered = {0, -1, 0, {}};
  const char* self = static_cast<const char*>(__builtin_thread_pointer());
  const ptrdiff_t kept = fast_path.rseq_offset.exchange(reinterpret_cast<char*>(&unregistered) - self);
  void* object[1] = {unit::token(80)};
  EXPECT_EQ(run([] { return section_pop(kClass); }).section, Section::kUnregistered);
  EXPECT_EQ(run([&] { return section_push(kClass, object[0]); }), Section::kUnregistered);
  EXPECT_EQ(run([&] { return section_pop_batch(kClass, begin, object, 1); }).section, Section::kUnregistered);
  EXPECT_EQ(run([&] { return section_push_batch(kClass, object, 1); }).section, Section::kUnregistered);
  EXPECT_EQ(run([] { return section_resize(kClass, limit); }), Section::kUnregistered);
  fast_path.rseq_offset.store(kept);
  EXPECT_TRUE(state() == before);
}

}  // namespace
}  // namespace reslab
