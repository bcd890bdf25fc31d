// SPDX-License-Identifier: Apache-2.0
// heap/fork: the child finds what the parent's other threads were carrying, and repairs what they left half done. Each
// test leaves the heap as a thread that is stopped somewhere in reslab would, forks, looks in the child, and undoes it in
// the parent.
#include "heap/fork.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <thread>
#include <vector>

#include "cache/drain.h"
#include "cache/magazine.h"
#include "support/child.h"
#include "support/corruption.h"
#include "support/ledger.h"

namespace reslab {
namespace {

class HeapFork : public unit::Corruption {
 protected:
  static constexpr uint64_t kOther = 0xdead;  // a thread that is not in the child

  // In the child: the heap is sound, and works.
  static void expect_whole_heap() {
    unit::expect_sound_heap();
    std::vector<void*> objects;
    for (size_t i = 0; i < 20000; ++i) {
      objects.push_back(reslab_malloc(i % 50 == 0 ? 20000 : i % 500));
      ASSERT_NE(objects.back(), nullptr);
    }
    for (void* object : objects) reslab_free(object);
    unit::expect_sound_heap();
  }
  static uint64_t lost() {
    reslab_stats stats = {};
    reslab_get_stats(&stats, sizeof stats);
    return stats.fork_lost_objects;
  }
  // That children count as well.
  static std::atomic<int>& shared_count() {
    void* page = mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return *static_cast<std::atomic<int>*>(page);
  }
};

TEST_F(HeapFork, AChildOfAQuietParentHasTheSameHeap) {
  const unit::Counts before = unit::live_objects();
  unit::in_child([&] {
    unit::expect_balance(before, {});
    EXPECT_EQ(lost(), 0u);
    expect_whole_heap();
    unit::expect_balance(before, {});
  });
}

TEST_F(HeapFork, GrandchildrenAreNoDifferent) {
  unit::in_child([] {
    reslab_free(reslab_malloc(5000));
    unit::in_child([] {
      unit::in_child([] { expect_whole_heap(); });
      expect_whole_heap();
    });
  });
}

TEST_F(HeapFork, WhatAnotherThreadHadInHandComesBack) {
  const uint32_t block = make_block();
  const int64_t live = unit::live_objects()[kSmall];  // what is in hand is not live
  void* in_hand = blocks().slots(block)[0];
  const uint64_t uncounted = kBlockObjects - blocks().count(block);  // may have been in its thread's hands besides
  blocks().header(block).owner = kOther;
  unit::in_child([&] {
    expect_whole_heap();
    EXPECT_EQ(unit::class_stats_of(kSmall).in_hand, 0u);
    EXPECT_EQ(unit::live_objects()[kSmall], live);
    EXPECT_NE(blocks().state(block), BlockState::kInHand);
    EXPECT_EQ(place_of(in_hand).cls, kSmall);
    EXPECT_LE(lost(), uncounted) << "nothing that a block counts is lost";
  });
  unit::expect_sound_heap();
  unmake_block(block);
}

TEST_F(HeapFork, ABlockWithoutACountMayHaveLostAsManyAsItHolds) {
  const uint32_t block = blocks().take(kSmall, Contract::kPlain);
  blocks().header(block).owner = kOther;
  unit::in_child([] {
    expect_whole_heap();
    EXPECT_EQ(lost(), kBlockObjects);
  });
  blocks().recycle(block);
}

TEST_F(HeapFork, ABlockBetweenItsStackAndAHandIsFoundAgain) {
  const uint32_t block = make_block();
  ASSERT_TRUE(depot().put(kSmall, 0, block));
  TaggedStack& full = depot().of(kSmall).full;
  ASSERT_EQ(full.pop(blocks().next_of()), block);  // popped, and not yet marked as in hand
  unit::in_child([] { expect_whole_heap(); });
  ASSERT_TRUE(full.push(block, blocks().next_of()));
  ASSERT_EQ(depot().take(kSmall, 0), block);
  unmake_block(block);
}

TEST_F(HeapFork, ASlabThatWasPoppedIsListedAgain) {
  const uint32_t unit = listed_unit();
  ASSERT_EQ(slab_pop_partial(kSmall, 0), unit);
  unit::in_child([] { expect_whole_heap(); });
  slab_relist(unit, slab_identity(unit));
}

TEST_F(HeapFork, ASlabBetweenItsMarkAndItsListIsListedAgain) {
  const uint32_t unit = listed_unit();
  ASSERT_EQ(slab_pop_partial(kSmall, 0), unit);
  state_of(unit).fetch_or(kSlabListed);
  unit::in_child([] { expect_whole_heap(); });
  state_of(unit).fetch_and(~uint64_t{kSlabListed});
  slab_relist(unit, slab_identity(unit));
}

TEST_F(HeapFork, AnActiveSlabThatWasOutOfItsSlotIsFoundAgain) {
  const uint32_t unit = active().exchange(0);
  unit::in_child([] { expect_whole_heap(); });
  active().store(unit);
}

TEST_F(HeapFork, BitsThatWereTakenAndNotCountedDoNotStayMiscounted) {
  const uint32_t unit = listed_unit();
  slab_at(unit).free_hint.fetch_add(3);
  slab_class(kSmall).free_objects.fetch_sub(2);
  slab_class(kSmall).capacity_objects.fetch_add(1);
  unit::in_child([] { expect_whole_heap(); });
  slab_at(unit).free_hint.fetch_sub(3);
  slab_class(kSmall).free_objects.fetch_add(2);
  slab_class(kSmall).capacity_objects.fetch_sub(1);
}

TEST_F(HeapFork, ALocalLockOfAnotherThreadIsFree) {
  LocalLock& lock = class_slot(slot(), kSmall).lock;
  uint64_t word = 0;
  std::thread([&] { ASSERT_EQ(lock.try_lock(word, LocalLockOption::kTry), LockOutcome::kTaken); }).join();
  unit::in_child([&] {
    expect_whole_heap();
    EXPECT_FALSE(lock.is_locked());
  });
  EXPECT_TRUE(lock.is_locked());
  lock.unlock(word);
}

TEST_F(HeapFork, AMagazineThatADrainHadClosedIsOpenAgain) {
  if (!in_rseq()) GTEST_SKIP() << "nothing closes a magazine without sections";
  class_slot(slot(), kSmall).saved_header = header().exchange(kClosedHeader);
  unit::in_child([&] {
    unit::expect_sound_heap();
    EXPECT_EQ(unit::class_stats_of(kSmall).in_magazines, 0u) << "what the drain had not taken is free in its slab";
    EXPECT_NE(header_end(header()), 0u);
    expect_whole_heap();
  });
  header().store(class_slot(slot(), kSmall).saved_header.exchange(0));
}

// A section that was in flight commits `top` over the closed header, and the drain does not live to see it. Nothing was
// taken out, and other threads of the child may be at it.
TEST_F(HeapFork, AMagazineThatASectionCommittedToWhileADrainClosedItTakesObjectsAgain) {
  if (!in_rseq()) GTEST_SKIP() << "nothing closes a magazine without sections";
  const uint64_t open = header().load();
  class_slot(slot(), kSmall).saved_header = open;
  header().store(header_of(header_top(open) - 1, 0));
  void* popped = word(header_top(open) - 1).load();
  unit::in_child([&] {
    unit::expect_sound_heap();
    reslab_free(popped);
    EXPECT_NE(header_end(header()), 0u);
    EXPECT_EQ(header_top(header()), header_top(open)) << "what the section has left is there, and the freed one on it";
    expect_whole_heap();
  });
  header().store(open);
  class_slot(slot(), kSmall).saved_header = 0;
}

// The drain has given some of the objects to their slabs when the fork comes, and not yet the others.
TEST_F(HeapFork, OfADrainThatWasCutShortNothingIsInTwoPlaces) {
  static int visited;
  visited = 0;
  ASSERT_TRUE(magazine_drain(slot(), kSmall, [](ClassId, void* object) {
    EXPECT_TRUE(slab_give_object(object));
    if (++visited == 3) unit::in_child([] { expect_whole_heap(); });
  }));
  EXPECT_GT(visited, 3);
}

TEST_F(HeapFork, UnitsThatWereOnTheirWayAreFreeAgain) {
  const UnitRun run = arena().claim(3, 1, Contract::kPlain);
  ASSERT_NE(run.first, 0u);
  unit::in_child([&] {
    expect_whole_heap();
    for (uint32_t unit = run.first; unit < run.first + 3; ++unit) {
      EXPECT_TRUE(arena().free_bits().is_free(unit) || slab_identity(unit).cls != kNoClass ||
                  place_of(unit_address(unit)).cls != kNoClass);
    }
  });
  arena().release(run.first, 3, Arena::Content::kDirty);
}

// The other threads are in the middle of everything; what the child may have lost is bounded by what they had in hand.
TEST_F(HeapFork, AChildOfAParentWhoseThreadsAreBusyIsWholeEveryTime) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&stop, t] {
      std::vector<void*> held;
      for (size_t round = static_cast<size_t>(t); !stop; ++round) {
        held.push_back(reslab_malloc(round * 7919 % (round % 100 == 0 ? 400000 : 3000)));
        if (held.size() < 500) continue;
        for (void* object : held) reslab_free(object);
        held.clear();
        if (round % 64 == 0) reslab_trim(0);
      }
      for (void* object : held) reslab_free(object);
    });
  }
  // A child in 60, as good as never two: of a slab that somebody takes from while it is being retired, nobody can tell any
  // more what the retirer had (slab_settle).
  std::atomic<int>& slabs_lost = shared_count();
  constexpr uint64_t kBlocks = 3 * kBlockObjects * 3, kSlabs = 3 * kUnitBytes / 16;
  for (int i = 0; i < 60 && !HasFailure(); ++i) {
    unit::in_child([&] {
      expect_whole_heap();
      if (lost() > kBlocks) ++slabs_lost;
      EXPECT_LE(lost(), kBlocks + kSlabs) << "a thread has at most a few blocks in hand, or a slab";
    });
  }
  EXPECT_LE(slabs_lost, 1);
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace reslab
