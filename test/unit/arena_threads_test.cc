// SPDX-License-Identifier: Apache-2.0
// arena with several threads: claims never overlap, whatever the others claim, release, commit, purge or retire, and what
// is called zero is zero.
#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "arena/arena.h"
#include "support/own_arena.h"

namespace reslab {
namespace {

class ArenaThreadsTest : public unit::OwnArena {
 protected:
  struct Held {
    UnitRun run;
    uint64_t mark;
  };

  // Marks the first word of every unit; whoever else holds one of them would overwrite it.
  void hold(std::vector<Held>& held, const UnitRun& run, uint64_t mark) {
    for (uint32_t unit = run.first; unit < run.first + run.count; ++unit) {
      auto* word = reinterpret_cast<uint64_t*>(at(unit));
      EXPECT_TRUE(!run.zero || *word == 0) << "unit " << unit << " was called zero";
      *word = mark;
    }
    held.push_back({run, mark});
  }

  void release_one(std::vector<Held>& held, size_t which) {
    std::swap(held[which], held.back());
    const Held one = held.back();
    held.pop_back();
    for (uint32_t unit = one.run.first; unit < one.run.first + one.run.count; ++unit) {
      EXPECT_EQ(*reinterpret_cast<uint64_t*>(at(unit)), one.mark) << "unit " << unit << " has two holders";
    }
    own().release(one.run.first, one.run.count, Arena::Content::kDirty);
  }

  void claim_and_release(uint32_t thread) {
    std::minstd_rand random(thread + 1);
    std::vector<Held> held;
    uint64_t mark = uint64_t{thread + 1} << 32;
    for (int round = 0; round < 20000; ++round) {
      const auto count = static_cast<uint32_t>(random() % 4 == 0 ? 1 + random() % 60 : 1);
      if (held.size() < 15 && random() % 2 == 0) {
        const UnitRun run = own().claim(count, 1u << random() % 3, Contract::kPlain);
        if (run.first != 0) hold(held, run, ++mark);
      } else if (!held.empty()) {
        const size_t which = random() % held.size();
        const UnitRun run = held[which].run;
        UnitRun behind = kNoUnits;
        if (random() % 4 == 0) behind = own().claim_behind(run.first + run.count, 2);
        if (behind.first != 0) hold(held, behind, ++mark);
        else release_one(held, which);
      }
    }
    while (!held.empty()) release_one(held, 0);
  }

  template <class Meanwhile>
  void storm(Meanwhile meanwhile) {
    std::atomic<bool> stop{false};
    std::thread other([&] {
      while (!stop) meanwhile();
    });
    std::vector<std::thread> threads;
    for (uint32_t t = 0; t < 3; ++t) {
      threads.emplace_back([this, t] { claim_and_release(t); });
    }
    for (std::thread& thread : threads) thread.join();
    stop = true;
    other.join();
    EXPECT_EQ(own().units_in_use(), 0);
  }

  void expect_nothing_lost() {
    own().purge(0);
    EXPECT_EQ(own().dirty_units(), 0);
    EXPECT_EQ(claim_all(), kLast);
  }
};

TEST_F(ArenaThreadsTest, ClaimsNeverOverlap) {
  storm([] { std::this_thread::yield(); });
  expect_nothing_lost();
}

TEST_F(ArenaThreadsTest, PurgeTouchesNothingThatIsInUse) {
  storm([this] { own().purge(10 * kUnitBytes); });
  expect_nothing_lost();
}

TEST_F(ArenaThreadsTest, GivingBackTheReservationTakesNothingThatIsInUse) {
  make(64);
  storm([this] {
    own().give_back_reservation();
    std::this_thread::yield();
  });
  expect_nothing_lost();
}

TEST_F(ArenaThreadsTest, GrowthByManyAtOnceHandsOutEveryUnitOnce) {
  make(64);
  std::vector<std::thread> threads;
  std::vector<std::atomic<int>> owners(kUnits);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (UnitRun run; (run = own().claim(3, 1, Contract::kPlain)).first != 0;) {
        fill(run.first, 3, 1);
        for (uint32_t i = 0; i < 3; ++i) ++owners[run.first + i];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int64_t owned = 0;
  for (const std::atomic<int>& owner : owners) {
    EXPECT_LE(owner.load(), 1);
    owned += owner;
  }
  // Where the arena grew past a thread that was late, pieces may remain that are too short for a run: nothing else.
  EXPECT_EQ(own().claim(3, 1, Contract::kPlain).first, 0u) << "a plain call never fails by contention";
  EXPECT_EQ(owned + claim_all(), kLast) << "no unit is lost";
}

}  // namespace
}  // namespace reslab
