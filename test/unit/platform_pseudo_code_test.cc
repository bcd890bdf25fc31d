// SPDX-License-Identifier: Apache-2.0
// platform/rseq.h against its own pseudo-code: random operations on random states, both must agree on the result, on
// what was moved and on every word of the magazine.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "platform/rseq.h"
#include "support/regions.h"

namespace reslab {
namespace {

constexpr ClassId kClass = 8;  // 128 bytes: 512 slots
const uint32_t begin = class_info(kClass).begin;
const uint32_t limit = begin + class_info(kClass).magazine;

constexpr uint32_t kMost = 96;  // objects in a batch
using Objects = std::array<void*, kMost>;

enum Operation { kPop, kPush, kPopBatch, kPushBatch, kResize, kOperations };

struct Outcome {
  Section section;
  uint32_t count = 0;  // of batches
  Objects out = {};

  bool operator==(const Outcome&) const = default;
};

// What a section may look at: the header, the array with its sentinel, and the words that a closed or an untouched header
// pops from, which are NULL.
struct Magazine {
  uint64_t header;
  std::vector<uint64_t> array;  // [begin - 1, limit)

  uint64_t slot(uint32_t i) const { return i >= begin - 1 && i < limit ? array[i - (begin - 1)] : 0; }
  void set(uint32_t i, const void* object) { array[i - (begin - 1)] = reinterpret_cast<uint64_t>(object); }

  void write_to(uint64_t* region) const {
    region[kClass] = header;
    std::copy(array.begin(), array.end(), region + begin - 1);
  }
  void read_from(const uint64_t* region) {
    header = region[kClass];
    array.assign(region + begin - 1, region + limit);
  }
};

// The pseudo-code, line by line.
Outcome pop(Magazine& m) {
  const uint32_t top = header_top(m.header);
  const uint64_t object = m.slot(top - 1);
  if (object == 0) return {Section::kBoundary};
  m.header = header_of(top - 1, header_end(m.header));
  return {Section::kDone, 0, {reinterpret_cast<void*>(object)}};
}

Outcome push(Magazine& m, const Objects& in) {
  const uint32_t end = header_end(m.header), top = header_top(m.header);
  if (top >= end) return {Section::kBoundary};
  if (m.slot(top - 1) == reinterpret_cast<uint64_t>(in[0])) return {Section::kSameAsTop};
  m.set(top, in[0]);
  m.header = header_of(top + 1, end);
  return {Section::kDone};
}

Outcome pop_batch(Magazine& m, uint32_t n) {
  const uint32_t top = header_top(m.header);
  if (top == kClosedTop) return {Section::kBoundary};
  const int64_t k = std::min<int64_t>(n, int64_t{top} - begin);
  if (top == kClosedTop || k <= 0) return {Section::kBoundary};
  Outcome outcome = {Section::kDone, static_cast<uint32_t>(k)};
  for (uint32_t i = 0; i < k; ++i) outcome.out[i] = reinterpret_cast<void*>(m.slot(top - outcome.count + i));
  m.header = header_of(top - outcome.count, header_end(m.header));
  return outcome;
}

Outcome push_batch(Magazine& m, const Objects& in, uint32_t n) {
  const uint32_t end = header_end(m.header), top = header_top(m.header);
  const int64_t k = std::min<int64_t>(n, int64_t{end} - top);
  if (k <= 0) return {Section::kBoundary};
  for (uint32_t i = 0; i < k; ++i) m.set(top + i, in[i]);
  m.header = header_of(top + static_cast<uint32_t>(k), end);
  return {Section::kDone, static_cast<uint32_t>(k)};
}

Outcome resize(Magazine& m, uint32_t new_end) {
  if (header_end(m.header) == 0 || header_top(m.header) == kClosedTop) return {Section::kBoundary};
  m.header = header_of(header_top(m.header), new_end);
  return {Section::kDone};
}

Outcome by_pseudo_code(Operation what, Magazine& m, const Objects& in, uint32_t n) {
  switch (what) {
    case kPop:
      return pop(m);
    case kPush:
      return push(m, in);
    case kPopBatch:
      return pop_batch(m, n);
    case kPushBatch:
      return push_batch(m, in, n);
    default:
      return resize(m, begin + n);
  }
}

struct Step {
  Section section;
  Outcome outcome;
};

Step by_section(Operation what, const Objects& in, uint32_t n) {
  Outcome outcome = {};
  if (what == kPop) {
    const PopResult result = section_pop(kClass);
    outcome.section = result.section;
    outcome.out[0] = result.object;
  } else if (what == kPopBatch || what == kPushBatch) {
    const BatchResult result = what == kPopBatch ? section_pop_batch(kClass, begin, outcome.out.data(), n)
                                                 : section_push_batch(kClass, in.data(), n);
    outcome.section = result.section;
    outcome.count = result.count;
  } else {
    outcome.section = what == kPush ? section_push(kClass, in[0]) : section_resize(kClass, begin + n);
  }
  return {outcome.section, outcome};
}

class PseudoCodeTest : public unit::OwnRegions {
 protected:
  uint32_t below(uint64_t bound) { return static_cast<uint32_t>(random_() % bound); }

  // Open, full, empty, shrunk below its top, closed, never touched; the slots above `top` hold leftovers, as they do.
  Magazine random_magazine() {
    const uint32_t end = begin + 1 + below(limit - begin), top = begin + below(limit - begin + 1);
    // The last two are what a section may see of one that is being closed or opened while it looks.
    const uint64_t headers[] = {
        header_of(top, end), header_of(end, end),        header_of(begin, end), kClosedHeader, 0,
        header_of(top, end), header_of(kClosedTop, end), header_of(top, 0)};
    Magazine magazine = {headers[below(8)], std::vector<uint64_t>(limit - begin + 1)};
    for (uint32_t i = begin; i < limit; ++i) magazine.set(i, unit::token(below(1000)));
    return magazine;
  }

 private:
  std::mt19937_64 random_{1};
};

TEST_F(PseudoCodeTest, RandomOperationsOnRandomStatesAgree) {
  Magazine expected = random_magazine();
  uint32_t done[kOperations] = {};
  for (uint32_t round = 0; round < 200000; ++round) {
    if (below(20) == 0) expected = random_magazine();
    const auto what = static_cast<Operation>(below(kOperations));
    const uint32_t n = 1 + below(kMost);
    Objects in;
    for (void*& object : in) object = unit::token(below(1000));

    Magazine got;
    const Step step =
        run_section([&](uint64_t* region) { expected.write_to(region); }, [&] { return by_section(what, in, n); },
                    [&](uint64_t* region) { got.read_from(region); });
    const Outcome outcome = by_pseudo_code(what, expected, in, n);
    ASSERT_TRUE(step.outcome == outcome) << "operation " << what << " in round " << round;
    ASSERT_EQ(got.header, expected.header) << "operation " << what << " in round " << round;
    ASSERT_TRUE(got.array == expected.array) << "operation " << what << " in round " << round;
    done[what] += outcome.section == Section::kDone ? 1 : 0;
  }
  for (const uint32_t times : done) EXPECT_GT(times, 1000u) << "the states let each operation succeed often";
}

}  // namespace
}  // namespace reslab
