// SPDX-License-Identifier: Apache-2.0
// The audit of what waits for a grace period (C9). The pages are this test's own.
#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <vector>

#include "slab/retired.h"
#include "support/audit.h"

namespace reslab {
namespace {

std::vector<void*> page;

constexpr RcuClient kClient = {
    .gp_start = [] { return uint64_t{1}; },
    .gp_poll = [](uint64_t) { return false; },
    .in_read_section = [] { return false; },
    .hold = [] { return true; },
    .let_go = [] {},
    .visit_pages = [](SeeObjects see, void* context) { see(context, page.data(), static_cast<uint32_t>(page.size())); },
};

class CheckRetired : public testing::Test {
 protected:
  void SetUp() override {
    rcu_client.store(&kClient);
    for (char*& object : objects_) object = static_cast<char*>(reslab_malloc(64));
  }
  void TearDown() override {
    page.clear();
    unit::expect_sound_heap();
    for (char* object : objects_) reslab_free(object);
    rcu_client.store(nullptr);
  }

  static std::atomic<uint64_t>& pending_of(const ObjectBit& bit) {
    return retired_words(bit.unit, bit.cls).pending[bit.word];
  }
  static void expect_c9() { EXPECT_EQ(unit::audit().rules.count("C9"), 1u); }

  char* objects_[3];
};

TEST_F(CheckRetired, WhatIsOutMayWait) {
  const ObjectBit bit = bit_of(place_of(objects_[0]));
  pending_of(bit).fetch_or(bit.mask);
  page = {objects_[1], objects_[2]};
  unit::expect_sound_heap();
  pending_of(bit).fetch_and(~bit.mask);
}

TEST_F(CheckRetired, AFreeObjectMayNot) {
  reslab_trim(0);  // the caches are empty, so some object of the slab has its free bit set
  const ObjectPlace place = place_of(objects_[0]);
  const std::atomic<uint64_t>* bits = slab_bits(place.unit, class_info(place.cls));
  uint32_t word = 0;
  while (bits[word].load() == 0) ++word;
  const uint64_t mask = bits[word].load() & -bits[word].load();
  pending_of({place.unit, place.cls, word, mask}).fetch_or(mask);
  expect_c9();
  pending_of({place.unit, place.cls, word, mask}).fetch_and(~mask);
}

TEST_F(CheckRetired, NorInTwoPlaces) {
  page = {objects_[0], objects_[1], objects_[0]};
  expect_c9();
  const ObjectBit bit = bit_of(place_of(objects_[0]));
  page = {objects_[0]};
  pending_of(bit).fetch_or(bit.mask);
  expect_c9();
  pending_of(bit).fetch_and(~bit.mask);
}

TEST_F(CheckRetired, NorWhatIsNoObject) {
  page = {objects_[0] + 16};
  expect_c9();
  page = {&page};
  expect_c9();
}

TEST_F(CheckRetired, ALargeBlockMayWait) {
  void* run = reslab_malloc(1 << 20);
  page = {run};
  unit::expect_sound_heap();
  page = {static_cast<char*>(run) + kUnitBytes};
  expect_c9();
  page.clear();
  reslab_free(run);
}

}  // namespace
}  // namespace reslab
