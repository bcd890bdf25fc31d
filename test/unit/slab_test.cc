// SPDX-License-Identifier: Apache-2.0
// slab: units of one class; bits are the only truth. Uses the heap's arena and a class that nothing else here allocates.
#include "slab/slab.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "heap/root.h"
#include "support/audit.h"
#include "support/opaque.h"

namespace reslab {
namespace {

class SlabTest : public testing::TestWithParam<ClassId> {
 protected:
  const ClassId cls = GetParam();
  const ClassInfo& info = class_info(cls);

  void SetUp() override {
    ASSERT_EQ(slab_class(cls).slabs.load(), 0u) << "the class is this test's alone";
    unit_ = slab_create(cls, 0, Contract::kPlain);
    ASSERT_NE(unit_, 0u);
    identity_ = slab_identity(unit_);
  }

  // Every test gives its objects back, so that every slab can be retired.
  void TearDown() override {
    retire_empty(unit_, cls);
    EXPECT_EQ(slab_class(cls).slabs.load(), 0u);
    unit::expect_sound_heap();
  }

  // The slab, if there is one of the class at `unit`, listed or not; it is the only listed one of its class.
  static void retire_empty(uint32_t unit, ClassId cls) {
    const SlabIdentity identity = slab_identity(unit);
    if (identity.cls != cls) return;
    const bool listed = (flags_of(slab_at(unit).state.load()) & kSlabListed) != 0;
    EXPECT_EQ(slab_pop_partial(cls, 0), listed ? unit : 0);
    EXPECT_TRUE(slab_retire(unit, identity));
  }

  std::vector<void*> take(uint32_t want) {
    std::vector<void*> objects(want);
    objects.resize(slab_take(unit_, identity_, objects.data(), want));
    return objects;
  }
  void give_all(const std::vector<void*>& objects) {
    for (void* object : objects) EXPECT_TRUE(slab_give_object(object));
  }
  uint16_t flags() const { return flags_of(slab_at(unit_).state.load()); }
  uint32_t free_bits() const { return free_bits_of(info); }
  uint32_t free_bits_of(const ClassInfo& as) const {
    int n = 0;
    for (uint32_t word = 0; word < as.words; ++word) n += __builtin_popcountll(slab_bits(unit_, as)[word].load());
    return static_cast<uint32_t>(n);
  }

  uint32_t unit_ = 0;
  SlabIdentity identity_ = {};
};

TEST_P(SlabTest, IsMadeWithAllItsObjectsFreeAndNobodyElsesUnits) {
  EXPECT_EQ(free_bits(), info.capacity);
  EXPECT_EQ(flags(), 0);
  EXPECT_EQ(identity_.cls, cls);
  for (uint32_t i = 0; i < info.slab_units; ++i) {
    const ObjectPlace place = place_of(unit_address(unit_ + i));
    EXPECT_EQ(place.cls, cls);
    EXPECT_EQ(place.unit, unit_);
    EXPECT_EQ(place.offset, i * kUnitBytes);
    EXPECT_FALSE(arena().free_bits().is_free(unit_ + i));
  }
}

TEST_P(SlabTest, GivesEachObjectOnceAndThenNone) {
  std::vector<void*> objects = take(info.capacity + 10);
  ASSERT_EQ(objects.size(), info.capacity);
  EXPECT_EQ(free_bits(), 0u);
  EXPECT_TRUE(take(1).empty());
  EXPECT_EQ(slab_take_one(unit_, identity_), nullptr);
  std::sort(objects.begin(), objects.end());
  for (uint32_t i = 0; i < info.capacity; ++i) {
    EXPECT_EQ(objects[i], unit_address(unit_) + size_t{i} * info.object_bytes);
  }
  give_all(objects);
  EXPECT_EQ(free_bits(), info.capacity);
}

TEST_P(SlabTest, TakesNoMoreThanWantedAndPutsTheRestBack) {
  const std::vector<void*> objects = take(1);
  ASSERT_EQ(objects.size(), 1u);
  EXPECT_EQ(free_bits(), info.capacity - 1);
  void* one = slab_take_one(unit_, identity_);
  ASSERT_NE(one, nullptr);
  EXPECT_NE(unit::address_of(one), unit::address_of(objects[0]));
  EXPECT_EQ(free_bits(), info.capacity - 2);
  EXPECT_TRUE(slab_give_object(one));
  give_all(objects);
}

TEST_P(SlabTest, AnObjectThatIsFreeAlreadyIsADoubleFree) {
  const std::vector<void*> objects = take(2);
  EXPECT_TRUE(slab_give_object(objects[0]));
  EXPECT_FALSE(slab_give_object(objects[0]));
  EXPECT_TRUE(slab_give_object(objects[1]));
  EXPECT_EQ(free_bits(), info.capacity);
}

TEST_P(SlabTest, SortedFreesFindTheDoubleOneAndFreeTheOthers) {
  std::vector<void*> objects = take(std::min(info.capacity, 40u));
  std::reverse(objects.begin(), objects.end());
  std::vector<void*> copy = objects;
  EXPECT_EQ(slab_give_sorted(cls, copy.data(), static_cast<uint32_t>(copy.size() - 1)), nullptr);
  EXPECT_EQ(free_bits(), info.capacity - 1);
  void* twice[2] = {objects.back(), objects.back()};
  EXPECT_EQ(slab_give_sorted(cls, twice, 2), objects.back()) << "the same object twice in one batch";
  void* again[1] = {objects.front()};
  EXPECT_EQ(slab_give_sorted(cls, again, 1), objects.front()) << "free before";
  EXPECT_EQ(free_bits(), info.capacity);
}

// Freed twice, the second time in another part of its block: the first may have emptied its slab, which is retired then.
TEST_P(SlabTest, SortedFreesTakeAnObjectWhoseSlabIsGoneForADoubleOneAndFreeTheOthers) {
  std::vector<void*> objects = take(2);
  const UnitRun units = arena().claim(1, 1, Contract::kPlain);
  ASSERT_NE(units.first, 0u);
  void* const gone = unit_address(units.first);
  objects.insert(objects.begin() + 1, gone);
  EXPECT_EQ(slab_give_sorted(cls, objects.data(), static_cast<uint32_t>(objects.size())), gone);
  EXPECT_EQ(free_bits(), info.capacity);
  arena().release(units.first, 1, Arena::Content::kDirty);
}

TEST_P(SlabTest, AFreeListsASlabThatIsNeitherActiveNorListed) {
  const std::vector<void*> objects = take(info.capacity);
  EXPECT_EQ(slab_pop_partial(cls, 0), 0u);
  EXPECT_TRUE(slab_give_object(objects[0]));
  EXPECT_EQ(flags(), kSlabListed);
  EXPECT_TRUE(slab_give_object(objects[1]));  // and does not list it again
  EXPECT_EQ(slab_pop_partial(cls, 0), unit_);
  EXPECT_EQ(flags(), 0);
  EXPECT_EQ(slab_pop_partial(cls, 0), 0u);
  give_all({objects.begin() + 2, objects.end()});
}

TEST_P(SlabTest, AFreeLeavesAnActiveSlabUnlistedUntilItIsDeactivated) {
  ASSERT_TRUE(slab_activate(unit_, identity_, 0));
  const std::vector<void*> objects = take(2);
  EXPECT_TRUE(slab_give_object(objects[0]));
  EXPECT_EQ(flags(), active_in(0));
  EXPECT_FALSE(slab_activate(unit_, identity_, 0)) << "it is active already";
  slab_deactivate(unit_, identity_, 0);
  EXPECT_EQ(flags(), kSlabListed);
  EXPECT_FALSE(slab_activate(unit_, identity_, 0)) << "whoever wants it pops it first";
  EXPECT_TRUE(slab_give_object(objects[1]));
}

TEST_P(SlabTest, AFullSlabIsListedByDeactivationOnlyWhenSomethingIsFree) {
  ASSERT_TRUE(slab_activate(unit_, identity_, 0));
  const std::vector<void*> objects = take(info.capacity);
  slab_deactivate(unit_, identity_, 0);
  EXPECT_EQ(flags(), 0);
  give_all(objects);
  EXPECT_EQ(flags(), kSlabListed);
}

TEST_P(SlabTest, WithAnObjectOutItIsNotRetiredButListed) {
  const std::vector<void*> objects = take(1);
  ASSERT_EQ(slab_pop_partial(cls, 0), unit_) << "what was too much for the take has listed it";
  EXPECT_FALSE(slab_retire(unit_, identity_));
  EXPECT_EQ(free_bits(), info.capacity - 1);
  EXPECT_EQ(flags(), kSlabListed);
  give_all(objects);
}

TEST_P(SlabTest, RetiringGivesTheUnitsBackAndLeavesNothingToClaim) {
  ASSERT_TRUE(slab_retire(unit_, identity_));
  for (uint32_t i = 0; i < info.slab_units; ++i) {
    EXPECT_TRUE(arena().free_bits().is_free(unit_ + i));
    EXPECT_EQ(place_of(unit_address(unit_ + i)).cls, kNoClass);
  }
  EXPECT_EQ(free_bits(), 0u);
  EXPECT_TRUE(take(1).empty()) << "an old identity claims nothing";
  EXPECT_EQ(slab_take_one(unit_, identity_), nullptr);
  EXPECT_NE(slab_identity(unit_).generation, identity_.generation);
  EXPECT_EQ(slab_class(cls).capacity_objects.load(), 0);
  EXPECT_EQ(slab_class(cls).free_objects.load(), 0);
}

// The unit is retired and becomes a slab again, of the same class or another, while somebody still believes in the old
// one: what he takes goes back to the slab that is there (6c).
TEST_P(SlabTest, AClaimForASlabThatIsAnotherByNowTakesNothing) {
  const SlabIdentity old = identity_;
  for (const ClassId next : {cls, ClassId{5}}) {
    retire_empty(unit_, slab_identity(unit_).cls);
    ASSERT_EQ(slab_create(next, 0, Contract::kPlain), unit_) << "the arena uses free units again";
    void* out[8];
    EXPECT_EQ(slab_take(unit_, old, out, 8), 0u);
    EXPECT_EQ(slab_take_one(unit_, old), nullptr);
    EXPECT_EQ(free_bits_of(class_info(next)), class_info(next).capacity);
  }
  retire_empty(unit_, ClassId{5});
}

INSTANTIATE_TEST_SUITE_P(Classes, SlabTest,
                         testing::Values(class_of_size(32), class_of_size(144), class_of_size(1000),
                                         class_of_size(20000), class_of_size(262144)),
                         [](const auto& one) { return "Of" + std::to_string(object_bytes_of(one.param)) + "Bytes"; });

}  // namespace
}  // namespace reslab
