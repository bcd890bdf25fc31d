// SPDX-License-Identifier: Apache-2.0
// arena: runs of units from an address range; what is claimed is the claimant's alone, writable, and known to be zero
// only where it is.
#include "arena/arena.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/own_arena.h"

namespace reslab {
namespace {

class ArenaTest : public unit::OwnArena {
 protected:
  // Units that were used and given back: free and dirty.
  uint32_t make_dirty(uint32_t count) {
    const UnitRun run = own().claim(count, 1, Contract::kPlain);
    fill(run.first, count, 7);
    own().release(run.first, count, Arena::Content::kDirty);
    return run.first;
  }
};

TEST_F(ArenaTest, FreshUnitsAreZeroAndWritable) {
  const UnitRun run = own().claim(5, 1, Contract::kPlain);
  ASSERT_NE(run.first, 0u);
  EXPECT_EQ(run.count, 5u);
  EXPECT_TRUE(run.zero);
  EXPECT_TRUE(is_all(run.first, 5, 0));
  fill(run.first, 5, 1);
  EXPECT_GE(own().committed(), run.first + 5);
  EXPECT_EQ(own().units_in_use(), 5);
}

TEST_F(ArenaTest, WithoutTheKernelOnlyWhatIsCommittedAndLeftCanBeHad) {
  EXPECT_EQ(own().claim(1, 1, Contract::kAny).first, 0u);
  EXPECT_EQ(own().committed(), 1u);
  const UnitRun first = own().claim(1, 1, Contract::kAnyGrow);
  ASSERT_NE(first.first, 0u);
  uint32_t more = 0;
  while (own().claim(1, 1, Contract::kAny).first != 0) ++more;
  EXPECT_EQ(more, own().committed() - 1 - first.count);
}

TEST_F(ArenaTest, ReleasedUnitsAreUsedAgainBeforeFreshOnes) {
  const uint32_t first = make_dirty(10);
  const uint32_t frontier = own().frontier();
  const UnitRun again = own().claim(10, 1, Contract::kPlain);
  EXPECT_EQ(again.first, first);
  EXPECT_FALSE(again.zero);
  EXPECT_EQ(own().frontier(), frontier);
  EXPECT_EQ(own().dirty_units(), 0);
}

TEST_F(ArenaTest, AlignedRunsAreAlignedAndTheGapBeforeThemIsNotLost) {
  own().claim(1, 1, Contract::kPlain);
  for (const uint32_t align : {2u, 8u, 64u, 512u}) {
    const UnitRun run = own().claim(3, align, Contract::kPlain);
    ASSERT_NE(run.first, 0u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(at(run.first)) % (align * kUnitBytes), 0u);
  }
  EXPECT_EQ(own().units_in_use(), 1 + 4 * 3);
  EXPECT_EQ(claim_all(), kLast - 13);
}

TEST_F(ArenaTest, TheWholeWindowCanBeHadAndThenNoMore) {
  EXPECT_EQ(own().claim(kUnits, 1, Contract::kPlain).first, 0u);
  EXPECT_EQ(claim_all(), kLast);
  EXPECT_EQ(own().claim(1, 1, Contract::kPlain).first, 0u);
  own().release(77, 1, Arena::Content::kDirty);
  EXPECT_EQ(own().claim(1, 1, Contract::kPlain).first, 77u);
}

TEST_F(ArenaTest, ARunGrowsIntoFreeUnitsBehindItOnly) {
  const UnitRun run = own().claim(4, 1, Contract::kPlain);
  const UnitRun gap = own().claim(4, 1, Contract::kPlain);
  ASSERT_EQ(gap.first, run.first + 4);
  ASSERT_NE(own().claim(1, 1, Contract::kPlain).first, 0u);
  EXPECT_EQ(own().claim_behind(gap.first, 2).first, 0u);
  own().release(gap.first, 4, Arena::Content::kDirty);
  EXPECT_EQ(own().claim_behind(gap.first, 5).first, 0u) << "the fifth is in use";
  EXPECT_EQ(own().free_bits().free_units(), 4);
  const UnitRun behind = own().claim_behind(gap.first, 2);
  EXPECT_EQ(behind.first, gap.first);
  EXPECT_FALSE(behind.zero);
  EXPECT_EQ(own().dirty_units(), 2);
  EXPECT_EQ(own().claim_behind(own().frontier() - 1, 2).first, 0u) << "beyond the frontier";
}

TEST_F(ArenaTest, ReleasedAsZeroIsKnownToBeZeroAndMixedRunsAreNot) {
  const UnitRun run = own().claim(300, 1, Contract::kPlain);
  own().release(run.first, 300, Arena::Content::kZero);
  EXPECT_EQ(own().dirty_units(), 0);
  EXPECT_TRUE(own().claim(300, 1, Contract::kPlain).zero);
  for (const uint32_t dirty : {0u, 64u, 150u, 299u}) {
    own().release(run.first, 300, Arena::Content::kZero);
    const UnitRun one = own().claim(300, 1, Contract::kPlain);
    ASSERT_TRUE(one.zero);
    own().release(one.first, dirty, Arena::Content::kZero);
    own().release(one.first + dirty, 1, Arena::Content::kDirty);
    own().release(one.first + dirty + 1, 299 - dirty, Arena::Content::kZero);
    EXPECT_EQ(own().dirty_units(), 1);
    EXPECT_FALSE(own().claim(300, 1, Contract::kPlain).zero) << "unit " << dirty << " is dirty";
    EXPECT_EQ(own().dirty_units(), 0);
  }
}

TEST_F(ArenaTest, PurgeMakesFreeUnitsZeroAndLeavesThoseInUse) {
  const uint32_t first = make_dirty(20);
  const UnitRun used = own().claim(5, 1, Contract::kPlain);
  fill(used.first, 5, 9);
  EXPECT_EQ(own().purge(0), size_t{15} << kUnitShift);
  EXPECT_EQ(own().dirty_units(), 0);
  EXPECT_TRUE(is_all(used.first, 5, 9));
  EXPECT_TRUE(is_all(first + 5, 15, 0));
  const UnitRun again = own().claim(15, 1, Contract::kPlain);
  EXPECT_TRUE(again.zero);
  EXPECT_EQ(own().purge(0), 0u);
}

TEST_F(ArenaTest, PurgeKeepsWhatItIsToldToKeep) {
  uint32_t held[64];
  for (uint32_t& unit : held) unit = own().claim(8, 1, Contract::kPlain).first;
  for (uint32_t i = 0; i < 64; i += 2) own().release(held[i], 8, Arena::Content::kDirty);
  ASSERT_EQ(own().dirty_units(), 256);
  const size_t purged = own().purge(size_t{100} << kUnitShift);
  EXPECT_EQ(own().dirty_units(), 100);
  EXPECT_EQ(purged, static_cast<size_t>(256 - own().dirty_units()) << kUnitShift);
  EXPECT_EQ(own().free_bits().free_units(), 256);
}

TEST_F(ArenaTest, PlainFreesKeepNoMoreDirtyUnitsThanTheBound) {
  const UnitRun live = own().claim(1000, 1, Contract::kPlain);
  ASSERT_NE(live.first, 0u);
  make_dirty(160);
  own().purge_above_bound();
  EXPECT_EQ(own().dirty_units(), 160) << "160 more units were in use a moment ago";
  own().release(live.first, 1000, Arena::Content::kDirty);
  own().purge_above_bound();
  EXPECT_LE(own().dirty_units(), 16) << "1 MiB: hardly anything is in use";
}

TEST_F(ArenaTest, LessStaysDirtyOfAHeapThatFalls) {
  const UnitRun live = own().claim(1000, 1, Contract::kPlain);
  own().release(live.first, 600, Arena::Content::kDirty);
  own().purge_above_bound();
  EXPECT_LE(own().dirty_units(), 300) << "400 of 1,000 are in use";
  EXPECT_GT(own().dirty_units(), 200);
}

TEST_F(ArenaTest, WhatAMovingHeapKeepsFallsWithWhatIsReleased) {
  const UnitRun live = own().claim(1000, 1, Contract::kPlain);
  own().release(live.first, 400, Arena::Content::kDirty);
  own().purge_above_bound();
  EXPECT_EQ(own().dirty_units(), 400);
  for (int round = 0; round < 4000; ++round) {
    own().release(own().claim(100, 1, Contract::kPlain).first, 100, Arena::Content::kDirty);
    own().purge_above_bound();
  }
  EXPECT_LE(own().dirty_units(), 200) << "700 units are all that was in use for long";
}

// Once a cycle has shown itself, its memory stays; when the cycle ends, that is forgotten.
TEST_F(ArenaTest, AHeapThatFallsAndRisesAgainAndAgainKeepsWhatItNeeds) {
  own().claim(20, 1, Contract::kPlain);
  for (int round = 0; round < 12; ++round) {
    make_dirty(500);
    own().purge_above_bound();
    ASSERT_LE(own().dirty_units(), 20) << "round " << round;
  }
  make_dirty(500);
  make_dirty(500);
  own().purge_above_bound();
  EXPECT_EQ(own().dirty_units(), 500);
  for (int round = 0; round < 4000; ++round) {
    make_dirty(10);
    own().purge_above_bound();
  }
  EXPECT_LE(own().dirty_units(), 20);
}

TEST_F(ArenaTest, AKeptRunServesItsLengthAndAlignmentAlone) {
  own().claim(1000, 1, Contract::kPlain);
  const UnitRun run = own().claim(20, 32, Contract::kPlain);
  fill(run.first, 20, 3);
  ASSERT_TRUE(own().keep(run.first, 20));
  EXPECT_EQ(own().units_in_use(), 1000);
  EXPECT_EQ(own().dirty_units(), 20);
  EXPECT_FALSE(own().free_bits().is_free(run.first));
  EXPECT_EQ(own().claim_kept(19, 1).first, 0u);
  EXPECT_EQ(own().claim_kept(20, 1u << 20).first, 0u) << "no unit of this window is aligned so far";
  const UnitRun again = own().claim_kept(20, 32);
  EXPECT_EQ(again.first, run.first);
  EXPECT_FALSE(again.zero);
  EXPECT_EQ(own().claim_kept(20, 1).first, 0u);
  EXPECT_EQ(own().units_in_use(), 1020);
}

TEST_F(ArenaTest, KeptRunsAreFreeUnitsBeforeTheArenaGrows) {
  own().claim(1000, 1, Contract::kPlain);
  const UnitRun run = own().claim(20, 1, Contract::kPlain);
  ASSERT_TRUE(own().keep(run.first, 20));
  EXPECT_EQ(own().claim(19, 1, Contract::kPlain).first, run.first);
  EXPECT_EQ(own().frontier(), run.first + 20);
}

TEST_F(ArenaTest, PurgeTakesKeptRunsToo) {
  own().claim(1000, 1, Contract::kPlain);
  const UnitRun run = own().claim(20, 1, Contract::kPlain);
  fill(run.first, 20, 3);
  ASSERT_TRUE(own().keep(run.first, 20));
  EXPECT_EQ(own().purge(0), size_t{20} << kUnitShift);
  EXPECT_TRUE(is_all(run.first, 20, 0));
  EXPECT_TRUE(own().claim(20, 1, Contract::kPlain).zero);
}

TEST_F(ArenaTest, NoMoreRunsAreKeptThanMayStayDirty) {
  const UnitRun run = own().claim(40, 1, Contract::kPlain);
  EXPECT_FALSE(own().keep(run.first, 40)) << "nothing else is in use";
}

// The zero bit belongs to pages that the kernel really took (37).
TEST_F(ArenaTest, LockedUnitsAreNeverCalledZeroAndNotTriedAgainAndAgain) {
  const uint32_t first = make_dirty(4);
  ASSERT_EQ(syscall(SYS_mlock, at(first + 1), kLeastPageBytes), 0);  // the function does nothing under AddressSanitizer
  EXPECT_EQ(own().purge(0), 0u);
  EXPECT_EQ(own().dirty_units(), 4);
  const UnitRun again = own().claim(4, 1, Contract::kPlain);
  ASSERT_EQ(again.first, first);
  EXPECT_FALSE(again.zero);
  EXPECT_EQ(*at(first + 1), 7);
  own().release(again.first, 4, Arena::Content::kDirty);
  syscall(SYS_munlock, at(first + 1), kLeastPageBytes);
  EXPECT_EQ(own().purge(0), size_t{4} << kUnitShift);
}

TEST_F(ArenaTest, WhatIsUnlockedCountsAgain) {
  const uint32_t first = make_dirty(160);
  for (uint32_t unit = 0; unit < 160; unit += 16) {
    ASSERT_EQ(syscall(SYS_mlock, at(first + unit), kLeastPageBytes), 0);
  }
  own().purge_above_bound();
  EXPECT_EQ(own().dirty_units(), 160);
  syscall(SYS_munlock, at(first), size_t{160} << kUnitShift);
  EXPECT_EQ(own().purge(size_t{150} << kUnitShift), size_t{10} << kUnitShift);
  own().purge_above_bound();
  EXPECT_LE(own().dirty_units(), 16) << "none is locked any more";
}

TEST_F(ArenaTest, MetadataIsWritableBeforeItsUnits) {
  for (uint32_t claimed = 0; claimed < kLast; claimed += 35) {
    if (own().claim(35, 1, Contract::kPlain).first == 0) break;
    ASSERT_GE(own().committed_chunk_bytes() / kChunkBytes * kUnitsInChunk, own().committed());
    char* last_descriptor = own().window().chunks + (own().committed() - 1) / kUnitsInChunk * kChunkBytes +
                            (own().committed() - 1) % kUnitsInChunk * kDescriptorBytes;
    *last_descriptor = 1;
  }
}

}  // namespace
}  // namespace reslab
