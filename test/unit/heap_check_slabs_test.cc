// SPDX-License-Identifier: Apache-2.0
// heap/check: each rule, broken on purpose below the caches: slabs, lists, active slots, units, counts (C4 to C8).
#include <gtest/gtest.h>

#include "heap/check.h"
#include "support/corruption.h"

namespace reslab {
namespace {

class HeapCheckSlabs : public unit::Corruption {
 protected:
  static uint16_t& map_of(uint32_t unit) { return arena().window().class_of[unit]; }
  static void expect_found_in_map(uint32_t unit, uint16_t wrong, const std::string& rule) {
    const uint16_t kept = std::exchange(map_of(unit), wrong);
    expect_only(rule);
    map_of(unit) = kept;
    unit::expect_sound_heap();
  }
  // The free bits of the arena, which nobody else may change.
  static UnitBitmap& unit_bits() { return const_cast<UnitBitmap&>(arena().free_bits()); }

  static uint32_t a_free_unit() {
    const UnitBitmap::Run run = arena().free_bits().next_run(1, arena().frontier());
    EXPECT_NE(run.count, 0u);
    return run.first;
  }
};

// --- C4: bits, hints, the unit map ---------------------------------------------------------------------------------------

TEST_F(HeapCheckSlabs, C4FindsABitBeyondTheSlabsCapacity) {
  ASSERT_NE(info().capacity % 64, 0u);
  const uint32_t unit = listed_unit();
  std::atomic<uint64_t>& last = slab_bits(unit, info())[info().words - 1];
  const uint64_t beyond = uint64_t{1} << (info().capacity % 64);
  set_bit(last, beyond, unit);
  expect_only("C4");
  clear_bit(last, beyond, unit);
  unit::expect_sound_heap();
}

TEST_F(HeapCheckSlabs, C4FindsAHintThatDiffersFromTheBits) {
  std::atomic<int32_t>& hint = slab_at(full_unit()).free_hint;
  expect_found(hint, hint + 1, "C4");
  expect_found(hint, hint - 1, "C4");
}

TEST_F(HeapCheckSlabs, C4FindsAUnitThatTheMapGivesToAnotherClass) {
  const uint32_t unit = large_unit();
  ASSERT_GT(class_info(kLarge).slab_units, 1u);
  expect_found_in_map(unit, unit_entry(kLarge + 1, 0), "C4");
  expect_found_in_map(unit + 1, unit_entry(kLarge, 2), "C4");
  expect_found_in_map(unit + 1, 0, "C4");
}

TEST_F(HeapCheckSlabs, C4FindsADescriptorThatNamesNoClass) {
  const uint32_t unit = large_unit();
  const uint64_t kept = state_of(unit).exchange(slab_state(1, 300, 0));
  expect_among("C4", "descriptor names no class");
  state_of(unit).store(kept);
  unit::expect_sound_heap();
}

// --- C5: lists -----------------------------------------------------------------------------------------------------------

TEST_F(HeapCheckSlabs, C5FindsASlabWithFreeObjectsThatIsNotListed) {
  const uint32_t unit = listed_unit();
  ASSERT_EQ(slab_pop_partial(kSmall, 0), unit);
  expect_only("C5");
  slab_relist(unit, slab_identity(unit));
  unit::expect_sound_heap();
}

TEST_F(HeapCheckSlabs, C5FindsASlabThatIsMarkedAsListedAndOnNoList) {
  const uint32_t unit = full_unit();
  expect_found(state_of(unit), state_of(unit) | kSlabListed, "C5");
}

TEST_F(HeapCheckSlabs, C5FindsASlabOnAListThatIsNotMarkedAsListed) {
  const uint32_t unit = listed_unit();
  expect_found(state_of(unit), state_of(unit) & ~uint64_t{kSlabListed}, "C5");
}

TEST_F(HeapCheckSlabs, C5FindsASlabOnTwoLists) {
  const uint32_t unit = listed_unit();
  SlabClass& own = slab_class(kSmall);
  const auto next_of = [](uint32_t one) -> std::atomic<uint32_t>& { return slab_at(one).next; };
  TaggedStack& other = own.lists.partial[(own.lists.current & 1) ^ 1];
  const uint32_t kept = slab_at(unit).next;
  ASSERT_TRUE(other.push(unit, next_of));
  expect_only("C5");
  EXPECT_EQ(other.pop(next_of), unit);
  slab_at(unit).next = kept;
  unit::expect_sound_heap();
}

TEST_F(HeapCheckSlabs, C5FindsASlabOnTheListOfAnotherClass) {
  const uint32_t unit = listed_unit();
  SlabClass& other = slab_class(kSmall + 1);
  const auto next_of = [](uint32_t one) -> std::atomic<uint32_t>& { return slab_at(one).next; };
  ASSERT_EQ(slab_pop_partial(kSmall, 0), unit);
  state_of(unit).fetch_or(kSlabListed);
  ASSERT_TRUE(other.lists.partial[0].push(unit, next_of));
  expect_only("C5");
  EXPECT_EQ(other.lists.partial[0].pop(next_of), unit);
  state_of(unit).fetch_and(~uint64_t{kSlabListed});
  slab_relist(unit, slab_identity(unit));
  unit::expect_sound_heap();
}

// --- C6: active slots ----------------------------------------------------------------------------------------------------

TEST_F(HeapCheckSlabs, C6FindsAnActiveSlotThatHoldsNoActiveSlab) {
  const uint32_t kept = active().exchange(full_unit());
  expect_among("C6", "active slot holds no active slab of its class");
  active().store(kept);
  unit::expect_sound_heap();
}

TEST_F(HeapCheckSlabs, C6FindsAnActiveSlotThatHoldsASlabOfAnotherClass) {
  std::atomic<uint32_t>& other = class_slot(slot(), kSmall + 1).active;
  expect_found(other, active().load(), "C6");
}

TEST_F(HeapCheckSlabs, C6FindsAnActiveSlotThatPointsBeyondTheFrontier) {
  std::atomic<uint32_t>& other = class_slot(slot(), kSmall + 1).active;
  expect_found(other, arena().frontier() + 5, "C6");
}

TEST_F(HeapCheckSlabs, C6FindsAnActiveSlabInNoSlot) { expect_found(active(), 0, "C6"); }

TEST_F(HeapCheckSlabs, C6FindsAnActiveSlabInTwoSlots) {
  if (slots().count() < 2) GTEST_SKIP() << "there is one slot only";
  const uint32_t second = slot() == 0 ? 1 : 0;
  ASSERT_TRUE(slots().make_ready(second));
  std::atomic<uint32_t>& other = class_slot(second, kSmall).active;
  expect_found(other, active().load(), "C6");
}

// --- C7: units -----------------------------------------------------------------------------------------------------------

TEST_F(HeapCheckSlabs, C7FindsAUnitThatIsFreeAndInUse) {
  const uint32_t unit = large_unit() + 1;
  unit_bits().release(unit, 1);
  expect_only("C7");
  ASSERT_TRUE(unit_bits().claim_exactly(unit, 1));
  unit::expect_sound_heap();
}

TEST_F(HeapCheckSlabs, C7FindsARunThatReachesIntoTheNextOne) {
  void* run = reslab_malloc(1 << 20);
  void* next = reslab_malloc(1 << 20);
  if (unit::address_of(next) < unit::address_of(run)) std::swap(run, next);
  const auto apart = static_cast<uint32_t>((unit::address_of(next) - unit::address_of(run)) >> kUnitShift);
  std::atomic<uint32_t>& units = slab_at(place_of(run).unit).run_units;
  const uint32_t kept = units.exchange(apart + 1);
  expect_among("C7", "two descriptors cover a unit");
  units.store(kept);
  unit::expect_sound_heap();
  reslab_free(run);
  reslab_free(next);
}

TEST_F(HeapCheckSlabs, C7FindsARunThatReachesBeyondTheFrontier) {
  void* run = reslab_malloc(1 << 20);
  std::atomic<uint32_t>& units = slab_at(place_of(run).unit).run_units;
  const uint32_t kept = units.exchange(arena().frontier());
  expect_among("C7", "two descriptors cover a unit, or one reaches beyond the frontier");
  units.store(kept);
  unit::expect_sound_heap();
  reslab_free(run);
}

TEST_F(HeapCheckSlabs, C7FindsAUnitThatTheMapNamesThoughItIsFree) {
  reslab_free(reslab_malloc(1 << 20));
  expect_found_in_map(a_free_unit(), unit_entry(kSmall, 0), "C7");
}

// Nothing describes it and nobody can have it: lost for good.
TEST_F(HeapCheckSlabs, C7FindsAUnitThatIsNeitherFreeNorInUse) {
  reslab_free(reslab_malloc(1 << 20));
  const uint32_t unit = a_free_unit();
  ASSERT_TRUE(unit_bits().claim_exactly(unit, 1));
  expect_only("C7");
  unit_bits().release(unit, 1);
  unit::expect_sound_heap();
}

// --- C8: counts ----------------------------------------------------------------------------------------------------------

TEST_F(HeapCheckSlabs, C8FindsACapacityThatIsOff) {
  std::atomic<int64_t>& capacity = slab_class(kSmall).capacity_objects;
  expect_found(capacity, capacity + 1, "C8");
}

TEST_F(HeapCheckSlabs, C8FindsACountOfFreeObjectsThatIsOff) {
  std::atomic<int64_t>& free = slab_class(kSmall).free_objects;
  expect_found(free, free - 1, "C8");
}

TEST_F(HeapCheckSlabs, WithoutADescriptorItCountsTheSameAndPrintsNothing) {
  std::atomic<int64_t>& free = slab_class(kSmall).free_objects;
  free.fetch_sub(1);
  const std::string printed = unit::stderr_of([] { EXPECT_EQ(reslab_check(-1), 1); });
  EXPECT_EQ(printed, "");
  free.fetch_add(1);
}

}  // namespace
}  // namespace reslab
