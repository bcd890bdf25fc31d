// SPDX-License-Identifier: Apache-2.0
// heap: 2^20 random operations against a model that knows every object's size and contents. At the end the audit is
// clean, and every class has exactly as many objects out as the model holds.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "support/audit.h"
#include "support/ledger.h"
#include "support/model.h"

namespace unit {
namespace {

constexpr size_t kOperations = size_t{1} << 20;
constexpr size_t kPlaces = 3000;

// The table's contents are all that was added to the heap; then nothing is.
void expect_balanced_and_empty(Table& table, const Counts& before) {
  expect_sound_heap();
  expect_balance(before, table.holdings());
  Player(table, 0).release_all();
  expect_balance(before, {});
  reslab_flush_deferred();
  expect_balance(before, {});
  expect_sound_heap();
}

class HeapModel : public testing::TestWithParam<uint64_t> {};

TEST_P(HeapModel, AgreesWithRandomOperationsOfOneThread) {
  const Counts before = live_objects();
  Table table(kPlaces);
  Player player(table, GetParam());
  player.play(kOperations);
  EXPECT_LE(player.nolock_failures() * 4, player.nolock_tries()) << "too few nolock allocations succeed";
  expect_balanced_and_empty(table, before);
}

TEST_P(HeapModel, AgreesWithRandomOperationsOfFourThreadsThatPassObjectsOn) {
  const Counts before = live_objects();
  Table table(kPlaces);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&table, t] { Player(table, GetParam() * 100 + t).play(kOperations / 4); });
  }
  for (std::thread& thread : threads) thread.join();
  expect_balanced_and_empty(table, before);
}

// Threads that come and go leave nothing behind, and what they leave in the table is good for the next ones.
TEST_P(HeapModel, AgreesWithThreadsThatLiveForMomentsOnly) {
  const Counts before = live_objects();
  Table table(kPlaces);
  for (uint64_t generation = 0; generation < 100; ++generation) {
    std::thread first([&] { Player(table, GetParam() * 1000 + generation * 2).play(300); });
    std::thread second([&] { Player(table, GetParam() * 1000 + generation * 2 + 1).play(300); });
    first.join();
    second.join();
  }
  expect_balanced_and_empty(table, before);
}

INSTANTIATE_TEST_SUITE_P(Seeds, HeapModel, testing::Values(1, 2, 3));

}  // namespace
}  // namespace unit
