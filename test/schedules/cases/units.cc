// SPDX-License-Identifier: Apache-2.0
// Units and runs: claims of one and of several, roll-backs, the frontier, commits, purges, what is reserved.
#include <reslab/reslab.h>

#include <cerrno>
#include <cstring>

#include "arena/arena.h"
#include "cases.h"
#include "heap/root.h"
#include "scheduler.h"
#include "workload.h"

namespace schedules {
namespace {

using namespace reslab;

// Runs that are kept whole (arena/run_cache.h) are no free units: where a set-up frees some, it says so.
constexpr size_t kFive = 5 * kUnitBytes;
constexpr size_t kSeven = 7 * kUnitBytes;

void again(void (*work)()) {
  for (int left = settings().repeat; left > 0; --left) work();
}

// --- claims and roll-backs -------------------------------------------------------------------------------------------

// A free gap that spans a border between two words of the bitmap, so that a run there is claimed in two steps.
void gap_over_a_border() {
  take_many(kFive, 14);
  for (int i = 0; i < 3; ++i) give(kTable);
  arena().release_kept();
}

void claim_run_of_seven() {
  again([] { take(kSeven); });
}

void claim_runs_of_five() {
  again([] {
    take(kFive);
    take(kFive);
  });
}

void claim_and_free_a_run() {
  again([] {
    take(kSeven);
    give();
  });
}

// --- purge -----------------------------------------------------------------------------------------------------------

// Units that were written to and are free.
void dirty_units() {
  take_many(kSeven, 3);
  for (int i = 0; i < 2; ++i) {
    void* object = let_go(kTable);
    memset(object, 0xaa, kSeven);
    reslab_free(object);
  }
}

void purge_all() {
  again([] { arena().purge(0); });
}

void claim_zeroed() {
  again([] {
    auto* object = static_cast<unsigned char*>(reslab_calloc(1, kSeven));
    for (size_t i = 0; object != nullptr && i < kSeven; i += 512) {
      if (object[i] != 0) violation("reslab_calloc gave memory that is not zero, at offset %zu", i);
    }
    hold(object, kSeven);
  });
}

void claim_fill_and_free() {
  again([] {
    take(kSeven);
    void* object = let_go();
    memset(object, 0xbb, kSeven);
    reslab_free(object);
  });
}

// --- runs that grow --------------------------------------------------------------------------------------------------

// A run with free units behind it, and a run behind those.
constexpr int kGrower = 0;

void run_with_room() {
  hold(reslab_malloc(kFive), kFive, kGrower);
  void* room = reslab_malloc(kSeven);
  take(kFive);
  reslab_free(room);
  arena().release_kept();
}

void grow_and_shrink() {
  auto* run = static_cast<unsigned char*>(let_go());
  memset(run, 0x5a, kFive);
  for (const size_t units : {8, 5, 11}) {
    auto* grown = static_cast<unsigned char*>(reslab_realloc(run, units * kUnitBytes));
    if (grown == nullptr) violation("a run could not grow to %zu units", units);
    for (size_t i = 0; i < kFive; i += 4096) {
      if (grown[i] != 0x5a) violation("a run that grew to %zu units has lost its contents", units);
    }
    run = grown;
  }
  hold(run, 11 * kUnitBytes);
}

void free_the_run_behind() {
  again([] {
    give(kTable);
    take(kFive);
  });
}

// --- growth of the arena, and what is given back of its reservation --------------------------------------------------

constexpr size_t kHuge = size_t{200} << 20;  // more than two chunks of metadata, and several commits
constexpr size_t kLarge = size_t{24} << 20;

void claim_a_large_run() {
  again([] { take(kLarge); });
}

// Address space that another thread is giving back at this moment, or metadata that it is reserving, between its system
// call and the word that tells of it, can be told from a foreign mapping by nobody: such a call may find no memory, and
// must leave all as it was.
void take_what_can_be_had(size_t bytes) {
  errno = 0;
  void* object = reslab_malloc(bytes);
  if (object != nullptr) hold(object, bytes);
  else if (errno != ENOMEM) violation("no memory for %zu bytes, and errno %d", bytes, errno);
}

void reserve_for_a_huge_run() {
  again([] { take_what_can_be_had(kHuge); });
}

void reserve_for_a_large_run() {
  again([] { take_what_can_be_had(kLarge); });
}

void give_the_rest_back() {
  again([] { arena().give_back_reservation(0); });
}

void give_back_and_grow() {
  again([] {
    arena().give_back_reservation(0);
    take_what_can_be_had(size_t{3} << 20);
  });
}

// Once nobody is at it, there is memory again, and all that was given out can be written to, metadata included.
void memory_is_to_be_had() {
  if (arena().reserved() < arena().committed()) violation("what is writable ends behind what is reserved");
  take(kLarge);
  take(kHuge);
}

void little_is_reserved() {
  arena().give_back_reservation(0);
  take(40 * kUnitBytes);  // reserves a little again
}

// The metadata stays reserved for all the limit allows, as after a setrlimit.
void little_of_the_window_is_reserved() {
  arena().give_back_reservation();
  take(40 * kUnitBytes);
}

void claim_a_huge_run() {
  again([] { take(kHuge); });
}

// --- the tail that is retired under strict overcommit ----------------------------------------------------------------

void free_tail() {
  take_many(kSeven, 2);
  give(kTable);
  arena().release_kept();
}

void retire_the_tail() {
  again([] { arena().retire_tail(); });
}

constexpr Case kCases[] = {
    {.name = "unit_claims",
     .what = "runs claimed over a border of words, with roll-backs",
     .setup = gap_over_a_border,
     .threads = {claim_run_of_seven, claim_runs_of_five, claim_and_free_a_run},
     .passes = {"unit_claim_run", "unit_rollback"}},
    {.name = "purge_against_claim",
     .what = "a purge against claims that must read as zero",
     .setup = dirty_units,
     .threads = {purge_all, claim_zeroed, claim_fill_and_free},
     .passes = {"purge"}},
    {.name = "purge_against_free",
     .what = "a purge against frees of what was written to, then claimed as zero",
     .setup = dirty_units,
     .threads = {claim_fill_and_free, purge_all, claim_zeroed},
     .passes = {"purge"}},
    {.name = "run_growth",
     .what = "a run that grows in place against claims of what lies behind it",
     .setup = run_with_room,
     .threads = {grow_and_shrink, free_the_run_behind, claim_run_of_seven}},
    {.name = "frontier",
     .what = "two runs claimed at the frontier, with a commit each",
     .threads = {claim_a_large_run, claim_a_large_run, claim_runs_of_five}},
    {.name = "commit_against_give_back",
     .what = "a commit over several chunks of metadata while the reservation is given back",
     .threads = {reserve_for_a_huge_run, give_the_rest_back, reserve_for_a_large_run},
     .check = memory_is_to_be_had},
    {.name = "commit_against_new_reservation",
     .what = "a commit into a reservation that is given back and made again",
     .setup = little_is_reserved,
     .threads = {reserve_for_a_large_run, give_back_and_grow, give_the_rest_back},
     .check = memory_is_to_be_had},
    {.name = "extend_against_extend",
     .what = "two threads that reserve more at the same time",
     .setup = little_is_reserved,
     .threads = {reserve_for_a_large_run, reserve_for_a_huge_run, give_the_rest_back},
     .check = memory_is_to_be_had},
    {.name = "extend_past_each_other",
     .what = "threads that reserve more of the window at the same time, and all get what they want",
     .setup = little_of_the_window_is_reserved,
     .threads = {claim_a_large_run, claim_a_huge_run, claim_a_large_run},
     .check = memory_is_to_be_had,
     .passes = {"extent_reserved", "frontier_passes"}},
    {.name = "retired_tail",
     .what = "a tail that is retired and comes back when it is needed",
     .setup = free_tail,
     .threads = {retire_the_tail, claim_run_of_seven, retire_the_tail},
     .passes = {"retire_tail", "revive_tail", "tail_writable"}},
};

}  // namespace

std::span<const Case> arena_cases() { return kCases; }

}  // namespace schedules
