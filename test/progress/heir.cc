// SPDX-License-Identifier: Apache-2.0
#include "heir.h"

#include <unistd.h>

#include "child.h"
#include "failure.h"
#include "others.h"
#include "process.h"

namespace progress {

using namespace support;

namespace {

constexpr unsigned kMostSeconds = 120;  // each look at a heap from which a million objects are lost takes some
constexpr size_t kOperations = 1'000;   // of a kind
constexpr uint64_t kBlockObjects = 128;

Ledger ledger;

uint64_t lost_by_fork() {
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  return stats.fork_lost_objects;
}

unsigned long long shown(uint64_t number) { return number; }

void work_and_look_after_the_hand() {
  for (size_t kind = 0; kind < kKinds; ++kind) work(static_cast<Kind>(kind), kOperations);
  hand().check();
}

}  // namespace

// What is handed out: all that was, but what the operation may have freed; and more only by what it may have allocated
// and what the library says that it has lost, which is a block's worth at most for one thread that is gone (17, 18).
void expect_estate(const Estate& estate) {
  const uint64_t lost = lost_by_fork();
  ledger.take();
  const uint64_t small = ledger.small_objects(), small_then = estate.ledger->small_objects();
  const uint64_t freed = estate.in_hand - estate.in_hand_now;
  expect(small + freed >= small_then, "%llu small objects are handed out of %llu, and only %llu were to be freed",
         shown(small), shown(small_then), shown(freed));
  expect(small <= small_then + estate.lost_before + estate.objects_added + lost,
         "%llu small objects are handed out, %llu were, and %llu are said to be lost", shown(small), shown(small_then),
         shown(lost));
  expect(small <= small_then + estate.lost_before + kBlockObjects,
         "%llu small objects are handed out or lost, and %llu were", shown(small), shown(small_then));
  const uint64_t units = ledger.run_units(), units_then = estate.ledger->run_units();
  expect(units <= units_then + estate.units_added, "%llu units of large blocks are in use, and %llu were", shown(units),
         shown(units_then));
}

void live_as_heir(const Estate& estate, int generations) {
  set_stage("a child works");
  limit_time(kMostSeconds);
  work_and_look_after_the_hand();
  expect_sound_heap("in a child");
  if (generations > 0) {
    const pid_t child = fork();
    if (child == 0) live_as_heir(estate, generations - 1);
    expect_good_end_of(child);
  }
  work_and_look_after_the_hand();
  expect_estate(estate);
  reslab_trim(0);
  expect_sound_heap("in a child, trimmed");
  expect_estate(estate);
  _exit(0);
}

void leave_to_heirs(const Estate& estate) {
  const pid_t child = fork();
  if (child == 0) live_as_heir(estate, 1);
  expect_good_end_of(child);
}

}  // namespace progress
