// SPDX-License-Identifier: Apache-2.0
// arena under limits: reservations that end early, commit charge that runs out, tails that are given back (36, 38).
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "arena/arena.h"
#include "hooks.h"
#include "platform/page_size.h"
#include "platform/small_file.h"
#include "support/child.h"
#include "support/own_arena.h"

namespace reslab {
namespace {

class ArenaLimitsTest : public unit::OwnArena {};

TEST_F(ArenaLimitsTest, AShortReservationIsExtendedWhenItIsUsedUp) {
  make(64);
  EXPECT_EQ(own().reserved(), 64u);
  EXPECT_EQ(claim_all(), kLast);
  EXPECT_EQ(own().reserved(), kUnits);
  fill(1, kLast, 3);
}

// What the arena passes over at first where a place is taken.
constexpr uint32_t kHole = 256;

TEST_F(ArenaLimitsTest, WhereSomebodyElseMappedTheNextPlaceItGoesOnBehind) {
  make(64);
  ASSERT_EQ(vm_reserve_at(at(64), kUnitBytes), Place::kOurs);
  EXPECT_EQ(claim_all(), kLast - kHole);
  EXPECT_EQ(own().frontier(), kUnits);
  EXPECT_EQ(own().units_in_use(), kLast - kHole);
  EXPECT_EQ(own().committed_bytes(), size_t{kUnits - kHole} << kUnitShift);
  EXPECT_FALSE(own().is_in_hole(63));
  EXPECT_TRUE(own().is_in_hole(64));
  EXPECT_TRUE(own().is_in_hole(64 + kHole - 1));
  EXPECT_FALSE(own().is_in_hole(64 + kHole));
  fill(1, 63, 1);
  fill(64 + kHole, kUnits - 64 - kHole, 2);

  // Once the other mapping has gone there are free units.
  vm_release(at(64), kUnitBytes);
  const UnitRun filled = own().claim(kHole, 1, Contract::kPlain);
  EXPECT_EQ(filled.first, 64u);
  EXPECT_TRUE(filled.zero);
  fill(64, kHole, 3);
  EXPECT_FALSE(own().is_in_hole(64));
  EXPECT_EQ(own().units_in_use(), kLast);
}

// A longer one than the first hole: each next hole is twice as long.
TEST_F(ArenaLimitsTest, ALongForeignMappingIsPassedInFewSteps) {
  make(64);
  const size_t foreign = size_t{5 * kHole} << kUnitShift;
  ASSERT_EQ(vm_reserve_at(at(64), foreign), Place::kOurs);
  const UnitRun behind = own().claim(100, 1, Contract::kPlain);
  EXPECT_EQ(behind.first, 64 + 7 * kHole) << "1 + 2 + 4";
  EXPECT_EQ(own().claim(63, 1, Contract::kPlain).first, 1u) << "what was reserved below is not lost";
  vm_release(at(64), foreign);
}

TEST_F(ArenaLimitsTest, WhereThereIsNoRoomBehindATakenPlaceNothingIsPassed) {
  make(kUnits - 64);
  ASSERT_EQ(vm_reserve_at(at(kUnits - 64), kUnitBytes), Place::kOurs);
  EXPECT_EQ(claim_all(), kUnits - 65);
  EXPECT_EQ(own().frontier(), kUnits - 64);
  EXPECT_FALSE(own().is_in_hole(kUnits - 64));
  vm_release(at(kUnits - 64), kUnitBytes);
  EXPECT_NE(own().claim(1, 1, Contract::kPlain).first, 0u);
}

// A thread that is stopped between its mmap and the mark, and goes on when others have passed it: `meanwhile` is what
// they do.
template <class Meanwhile>
UnitRun claim_with_stop_behind_the_mapping(Arena& arena, uint32_t count, Meanwhile meanwhile) {
  static Meanwhile* others;
  others = &meanwhile;
  const support::Hook at("extent_reserved", [](void*) {
    if (others == nullptr) return;
    Meanwhile& now = *others;
    others = nullptr;
    now();
  });
  return arena.claim(count, 1, Contract::kPlain);
}

TEST_F(ArenaLimitsTest, WhileAThreadStandsStillBeforeItsMarkOthersGrowAllTheSame) {
  make(64);
  UnitRun other = {};
  const UnitRun late = claim_with_stop_behind_the_mapping(own(), 100, [&] {
    other = own().claim(200, 1, Contract::kPlain);
    EXPECT_EQ(other.first, 64 + kHole);
    fill(other.first, other.count, 1);
  });
  ASSERT_NE(late.first, 0u);
  fill(late.first, late.count, 2);
  EXPECT_TRUE(is_all(other.first, other.count, 1));
  EXPECT_FALSE(is_mapped(64)) << "what it had mapped in vain is given back";
  EXPECT_EQ(claim_all() + 300, kLast);
}

// What calls that may not enter the kernel live on is made ready behind a foreign mapping as well, and behind a hole.
TEST_F(ArenaLimitsTest, UnitsAreKeptReadyPastAForeignMapping) {
  make(64);
  ASSERT_EQ(vm_reserve_at(at(64), kUnitBytes), Place::kOurs);
  for (int time = 0; time < 3; ++time) {
    while (own().claim(1, 1, Contract::kAny).first != 0) continue;
    own().keep_ready();
    own().keep_ready();  // where the first one met the mapping
    EXPECT_NE(own().claim(16, 1, Contract::kAny).first, 0u) << time;
  }
  EXPECT_TRUE(own().is_in_hole(64));
  vm_release(at(64), kUnitBytes);
}

// Many foreign mappings, one behind the other: there is room for so many holes, and for new ones when some can be filled.
TEST_F(ArenaLimitsTest, HolesAreFilledWhenThereIsNoPlaceForAnother) {
  constexpr uint32_t kHoles = 64, kStep = 2 * kHole;  // the hole, and what is reserved behind it
  make(64, (kHoles + 4) * kStep);
  uint32_t end = 64;
  for (uint32_t i = 0; i <= kHoles; ++i) {
    if (i == 1) vm_release(at(64), kUnitBytes);  // of the first hole
    ASSERT_EQ(vm_reserve_at(at(end), kUnitBytes), Place::kOurs) << i;
    while (own().frontier() < end + kHole) ASSERT_NE(own().claim(1, 1, Contract::kPlain).first, 0u) << i;
    EXPECT_TRUE(own().is_in_hole(end));
    end = own().reserved();
  }
  EXPECT_FALSE(own().is_in_hole(64));
}

// What was lost to a mapping in its place: nothing before the unit map has forgotten it, and then an empty place alone.
TEST_F(ArenaLimitsTest, UnitsThatAreLeftAsAHoleComeBackOnceTheirPlaceIsEmpty) {
  constexpr uint32_t kLost = 8;
  const UnitRun run = own().claim(kLost, 1, Contract::kPlain);
  own().window().class_of[run.first] = unit_entry(1, 0);
  vm_release(at(run.first), size_t{kLost} << kUnitShift);
  ASSERT_TRUE(own().leave_as_hole(run.first, kLost));
  EXPECT_EQ(claim_all(), kLast - kLost);
  EXPECT_EQ(own().units_in_use(), kLast - kLost);
  EXPECT_FALSE(is_mapped(run.first)) << "a look must leave nothing there";
  own().window().class_of[run.first] = 0;
  ASSERT_EQ(vm_reserve_at(at(run.first + 1), kUnitBytes), Place::kOurs);
  EXPECT_EQ(own().claim(1, 1, Contract::kPlain).first, 0u);
  vm_release(at(run.first + 1), kUnitBytes);
  EXPECT_EQ(own().claim(kLost, 1, Contract::kPlain).first, run.first);
  EXPECT_TRUE(is_all(run.first, kLost, 0));
  fill(run.first, kLost, 3);
  EXPECT_FALSE(own().is_in_hole(run.first));
}

// The mark moves back to where the late one saw it: what it has mapped is still in the right place.
TEST_F(ArenaLimitsTest, AThreadThatIsLateWithItsMarkMayFindItGivenBack) {
  make(64);
  UnitRun late = claim_with_stop_behind_the_mapping(own(), 100, [&] { own().give_back_reservation(); });
  ASSERT_NE(late.first, 0u);
  fill(late.first, late.count, 3);
  EXPECT_EQ(claim_all() + 100, kLast);
}

TEST_F(ArenaLimitsTest, TheUntouchedReservationCanBeGivenBackAndGrownAgain) {
  const UnitRun run = own().claim(10, 1, Contract::kPlain);
  fill(run.first, 10, 5);
  own().give_back_reservation();
  const uint32_t end = own().committed();
  EXPECT_EQ(own().reserved(), end);
  EXPECT_FALSE(is_mapped(end));
  EXPECT_FALSE(is_mapped(kLast));
  own().give_back_reservation();  // nothing left to give
  const UnitRun more = own().claim(1000, 1, Contract::kPlain);
  ASSERT_NE(more.first, 0u);
  EXPECT_TRUE(more.zero);
  fill(more.first, 1000, 6);
  EXPECT_TRUE(is_all(run.first, 10, 5));
}

TEST_F(ArenaLimitsTest, UnderShortageItCommitsInSmallerStepsDownToWhatIsNeeded) {
  ASSERT_NE(own().claim(1100, 1, Contract::kPlain).first, 0u);  // far from the next chunk of metadata
  unit::in_child([this] {
    while (own().claim(1, 1, Contract::kAny).first != 0) continue;
    ASSERT_GE(own().committed() / 8, 100u) << "the step it would like to take";
    size_t pages[6];
    ASSERT_EQ(read_numbers("/proc/self/statm", pages, 6), 6u);
    const size_t allowed =
        pages[5] * kernel_page_bytes() + 10 * kUnitBytes;  // private and writable, as RLIMIT_DATA counts
    const struct rlimit limit = {allowed, RLIM_INFINITY};
    ASSERT_EQ(setrlimit(RLIMIT_DATA, &limit), 0);
    uint32_t got = 0;
    for (UnitRun run; (run = own().claim(1, 1, Contract::kPlain)).first != 0; ++got) fill(run.first, 1, 1);
    EXPECT_GE(got, 8u);
    EXPECT_LE(got, 20u);  // the stack counts where the limit does not
  });
}

TEST_F(ArenaLimitsTest, ARetiredTailIsNobodysUntilAClaimFindsNothingElse) {
  const UnitRun kept = own().claim(3, 1, Contract::kPlain);
  const UnitRun tail = own().claim(20, 1, Contract::kPlain);
  fill(tail.first, 20, 7);
  own().release(tail.first, 20, Arena::Content::kDirty);
  EXPECT_EQ(own().retire_tail(), size_t{20} << kUnitShift);
  EXPECT_TRUE(own().is_retired(tail.first));
  EXPECT_TRUE(own().is_retired(tail.first + 19));
  EXPECT_FALSE(own().is_retired(kept.first));
  EXPECT_FALSE(own().is_retired(tail.first + 20));
  EXPECT_EQ(own().dirty_units(), 0);
  while (own().claim(1, 1, Contract::kAny).first != 0) continue;
  EXPECT_TRUE(own().is_retired(tail.first)) << "reviving asks the kernel";

  const UnitRun again = own().claim(20, 1, Contract::kPlain);
  EXPECT_EQ(again.first, tail.first);
  EXPECT_TRUE(again.zero);
  EXPECT_TRUE(is_all(again.first, 20, 0));
  fill(again.first, 20, 8);
  EXPECT_FALSE(own().is_retired(tail.first));
}

// The system refuses to make it writable: it stays retired, and can be had when there is memory again.
TEST_F(ArenaLimitsTest, ARetiredTailThatCannotBeRevivedIsNotLost) {
  unit::in_child([this] {
    const UnitRun tail = own().claim(20, 1, Contract::kPlain);
    own().release(tail.first, 20, Arena::Content::kDirty);
    ASSERT_NE(own().retire_tail(), 0u);
    while (own().claim(1, 1, Contract::kAny).first != 0) continue;
    struct rlimit before = {};
    getrlimit(RLIMIT_DATA, &before);
    const struct rlimit none = {4096, before.rlim_max};  // 0 would be none
    setrlimit(RLIMIT_DATA, &none);
    EXPECT_EQ(own().claim(20, 1, Contract::kPlain).first, 0u);
    EXPECT_TRUE(own().is_retired(tail.first));
    setrlimit(RLIMIT_DATA, &before);
    EXPECT_EQ(own().claim(20, 1, Contract::kPlain).first, tail.first);
  });
}

// Two calls revive the same tail, and it is retired again before the slower one comes to its end: that one has to see
// it.
TEST_F(ArenaLimitsTest, AReviverThatIsLateDoesNotReleaseWhatWasRetiredAgain) {
  const UnitRun tail = own().claim(20, 1, Contract::kPlain);
  own().release(tail.first, 20, Arena::Content::kDirty);
  ASSERT_NE(own().retire_tail(), 0u);
  while (own().claim(1, 1, Contract::kAny).first != 0) continue;
  static Arena* arena;
  static bool met;
  arena = &own();
  met = false;
  const support::Hook at("tail_writable", [](void*) {
    if (met) return;
    met = true;
    const UnitRun again = arena->claim(20, 1, Contract::kPlain);
    ASSERT_NE(again.first, 0u);
    arena->release(again.first, 20, Arena::Content::kDirty);
    ASSERT_NE(arena->retire_tail(), 0u);
  });
  EXPECT_EQ(own().claim(20, 1, Contract::kPlain).first, tail.first);
  EXPECT_TRUE(met);
  EXPECT_FALSE(own().free_bits().is_free(tail.first));
  fill(tail.first, 20, 8);
}

TEST_F(ArenaLimitsTest, ASecondRetirementLosesNoUnit) {
  const UnitRun first = own().claim(10, 1, Contract::kPlain);
  own().release(first.first, 10, Arena::Content::kDirty);
  ASSERT_NE(own().retire_tail(), 0u);
  EXPECT_EQ(own().retire_tail(), 0u);
  const UnitRun second = own().claim(30, 1, Contract::kPlain);
  own().release(second.first, 30, Arena::Content::kDirty);
  own().retire_tail();
  EXPECT_EQ(claim_all(), kLast);
}

TEST_F(ArenaLimitsTest, NothingIsRetiredWhileTheTailIsInUse) {
  const UnitRun run = own().claim(10, 1, Contract::kPlain);
  EXPECT_EQ(own().retire_tail(), 0u);
  own().release(run.first, 9, Arena::Content::kDirty);
  EXPECT_EQ(own().retire_tail(), 0u);
  EXPECT_EQ(own().free_bits().free_units(), 9);
}

}  // namespace
}  // namespace reslab
