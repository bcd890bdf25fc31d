// SPDX-License-Identifier: Apache-2.0
#include "aftermath.h"

#include <time.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "failure.h"
#include "hand.h"
#include "heir.h"
#include "leftovers.h"

namespace recovery {
namespace {

using namespace progress;
using namespace support;

constexpr uint64_t kBlockObjects = 128;
constexpr uint64_t kSlabObjects = 341;  // of 192 bytes, the smallest that these jumps leave
constexpr uint64_t kUnitsInHand = 306;  // the largest block that these jumps leave; a purge takes fewer at a time
constexpr size_t kPaceOperations = 10'000;
constexpr int kPaceTries = 15;
constexpr double kLeastPace = 0.5;
constexpr int kAnewTries = 4;
constexpr int kUnlockTries = 40;        // with dozens of refills each: a lock is taken over at the 64th try
constexpr uint64_t kLeftoversEach = 8;  // on average: a run has several units, and a purge has claimed some

// Large blocks come from no bucket: how long their search takes depends on how many there are.
constexpr Kind kBucketKinds[] = {kPairs, kBatches, kNolock};

unsigned long long shown(uint64_t number) { return number; }

double best_nanoseconds(Kind kind) {
  double best = 1e18;
  for (int i = 0; i < kPaceTries; ++i) {
    timespec begin, end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    work(kind, kPaceOperations);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    best = std::min(
        best, static_cast<double>(end.tv_sec - begin.tv_sec) * 1e9 + static_cast<double>(end.tv_nsec - begin.tv_nsec));
  }
  return best;
}

// Of every class some objects, by plain calls; and then by a nolock call one of those that they have left in the caches.
void expect_all_classes_serve() {
  static reslab_class_stats classes[512];
  static Hand hand;
  const int count = reslab_get_class_stats(classes, std::size(classes), sizeof classes[0]);
  for (int i = 0; i < count; ++i) {
    const size_t bytes = classes[i].object_bytes;
    if (strcmp(classes[i].name, "runs") == 0) continue;
    hand.fill(bytes <= 4096 ? 100 : 10, bytes);
    hand.free_all();
    void* object = reslab_malloc_nolock(bytes, 0);
    expect(object != nullptr, "class %s serves no nolock call", classes[i].name);
    reslab_free_nolock(object);
  }
}

// The caches as a program finds them that has just grown: what they had become used to before is no matter here.
void begin_anew() {
  static Hand hand;
  reslab_trim(0);
  hand.fill(2000);
  hand.free_all();
}

uint64_t locks_found_taken() {
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  return stats.local_lock_busy_self + stats.local_lock_busy_other;
}

}  // namespace

Aftermath::Aftermath(const Settings& settings) : settings_(settings) {
  expect_all_classes_serve();
  begin_anew();
  for (const Kind kind : kBucketKinds) nanoseconds_before_[kind] = best_nanoseconds(kind);
  before_.take();
}

void Aftermath::expect_bounded_loss(const Jumps& lost_calls) {
  const uint64_t had = before_.small_objects(), has = after_.small_objects();
  const uint64_t had_units = before_.run_units(), has_units = after_.run_units();
  expect(has >= had && has_units >= had_units, "more was freed than was allocated: %llu of %llu objects are left",
         shown(has), shown(had));
  const uint64_t most = lost_calls.fast + kBlockObjects * lost_calls.slow + kSlabObjects * lost_calls.with_slab;
  settings_.log.line(
      "%llu calls left in fast paths, %llu in slow ones; %llu objects lost of at most %llu, %llu units of runs of at "
      "most %llu",
      shown(lost_calls.fast), shown(lost_calls.slow), shown(has - had), shown(most), shown(has_units - had_units),
      shown(lost_calls.run_units));
  expect(has - had <= most, "%llu objects are lost, and at most %llu should be", shown(has - had), shown(most));
  // A large block is in nobody's hand but that of the call it is for: it passes through no magazine and no block, and who
  // finds dirty units or searches for free ones has claimed them bit by bit, as units of no block yet.
  expect(has_units - had_units <= lost_calls.run_units, "%llu units of runs are lost, and at most %llu should be",
         shown(has_units - had_units), shown(lost_calls.run_units));
}

void Aftermath::expect_few_leftovers(const Jumps& lost_calls) {
  const uint64_t leftovers = count_leftovers();
  settings_.log.line("%llu leftovers in the audit", shown(leftovers));
  expect(leftovers <= kLeftoversEach * lost_calls.slow + kUnitsInHand * lost_calls.with_units,
         "calls that never returned have left too much behind");
}

// What a call that is gone has locked is taken over sooner or later; from then on who is alone finds no lock taken.
void Aftermath::expect_no_lock_kept() {
  if (strcmp(settings_.local_lock, "never") == 0) return;
  uint64_t found = 1;
  for (int tries = 0; tries < kUnlockTries && found > 0; ++tries) {
    const uint64_t before = locks_found_taken();
    begin_anew();
    found = locks_found_taken() - before;
  }
  expect(found == 0, "local locks are found taken, %llu times, by a thread that is alone", shown(found));
}

// It finds again what was in the hands of calls that are gone.
void Aftermath::expect_whole_child() {
  static Ledger now;  // what this test itself has allocated since is in it
  now.take();
  leave_to_heirs({.ledger = &before_,
                  .in_hand = 0,
                  .in_hand_now = 0,
                  .units_added = static_cast<uint32_t>(now.run_units() - before_.run_units()),
                  .lost_before = now.small_objects() - before_.small_objects()});
}

// Tried again from the beginning: the heap may notice, while this is measured, that there is much less in use than before.
void Aftermath::expect_former_pace() {
  double now[kKinds] = {}, slowest = 0;
  for (int tries = 0; tries < kAnewTries && slowest < kLeastPace; ++tries) {
    begin_anew();
    slowest = 1e9;
    for (const Kind kind : kBucketKinds) {
      now[kind] = best_nanoseconds(kind);
      slowest = std::min(slowest, nanoseconds_before_[kind] / now[kind]);
    }
  }
  for (const Kind kind : kBucketKinds) {
    expect(nanoseconds_before_[kind] >= kLeastPace * now[kind], "%s take %.0f us now, and took %.0f us before",
           kKindNames[kind], now[kind] / 1000, nanoseconds_before_[kind] / 1000);
  }
}

// By a thread that no call has been left on: where one has, maintenance may be refused.
void Aftermath::expect_recovered(const Jumps& lost_calls) {
  set_stage("the heap is looked at afterwards");
  after_.take();
  std::thread([&] {
    expect_bounded_loss(lost_calls);
    expect_all_classes_serve();
    expect_former_pace();
    expect_no_lock_kept();
    expect_few_leftovers(lost_calls);
    expect_whole_child();
  }).join();
}

}  // namespace recovery
