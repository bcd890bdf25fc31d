// SPDX-License-Identifier: Apache-2.0
// Every operation of the table, interrupted in front of every instruction, in the mode that RESLAB_OPTIONS asks for.
// Prints a line for each operation and the bounds of the strict nolock calls; appends to the coverage.
// For lessons 8 and 27 of docs/lessons.md.
#include <reslab/reslab.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

#include "coverage.h"
#include "cpu_slot.h"
#include "failure.h"
#include "library.h"
#include "nested.h"
#include "objects.h"
#include "operations.h"
#include "settings.h"
#include "stock.h"
#include "walker.h"

using namespace reentry;

namespace {

constexpr uint64_t kMostSteps = 200000;
constexpr size_t kQuickStorm = 500;
constexpr uint64_t kMostStackBytes = 1024;

// Of base/unwind.cc.
constexpr char kPushFrame[] = "_ZN6reslab12_GLOBAL__N_110push_frameEP15_Unwind_ContextPv";

FILE* log_file = stdout;

// Counts decide some ways: a lock that was found taken 64 times passes for abandoned, and the call after that takes it
// over instead of going round it; one flush in 32 looks at the tide. So one undisturbed call of several may go another
// way than the one it is named after, but never all of them; the first that goes it is enough.
void expect_its_way(const Operation& operation) {
  const int tries = operation.is(kUnderLock) || operation.is(kRare) ? 4 : 1;
  bool passes = false, is_done = false;
  for (int i = 0; i < tries && !(passes && is_done); ++i) {
    size_t count = 0;
    call_undisturbed(operation, &count);
    passes = count > 0 || operation.passes == nullptr;
    is_done = operation.deed == nullptr || deed_is_done();
  }
  if (!passes) fail("it does not pass the hook '%s'", operation.passes);
  if (!is_done) fail("it does not pass the hook '%s' of its deed", operation.at);
}

void settle(const Settings& settings, const Operation& operation) {
  const state::Prepare prepare = table_of(settings.table).settle;
  if (prepare != nullptr) prepare(operation.bytes);
}

void warm_up_all(const std::vector<Operation>& operations) {
  for (const Operation& operation : operations) {
    if (operation.bytes != 96 && operation.bytes <= 8192 && operation.bytes > 0) warm_up(operation.bytes);
  }
}

void expect_within_bounds(const Operation& operation, const Measure& most) {
  if (!operation.is(kStrict)) return;
  fprintf(log_file, "  bound: %-44s %6zu steps %5zu bytes of stack\n", operation.name, static_cast<size_t>(most.steps),
          static_cast<size_t>(most.stack_bytes));
  if (most.stack_bytes > kMostStackBytes) fail("%zu bytes of stack", static_cast<size_t>(most.stack_bytes));
  if (most.steps > kMostSteps) fail("%zu steps", static_cast<size_t>(most.steps));
}

void walk(const Operation& operation, const Settings& settings, uint64_t seed) {
  scene.operation = operation.name;
  const timespec began = now();
  release_stock();
  settle(settings, operation);
  const Ledger before;
  expect_its_way(operation);

  Walker walker(operation, seed, settings.quick ? kQuickStorm : SIZE_MAX);
  Breakpoint breakpoint(walker.breakpoint_observer());
  if (breakpoint.unavailable() != nullptr) fail("no breakpoints on this machine: %s", breakpoint.unavailable());
  walker.use(breakpoint);
  if (!settings.quick || !operation.is(kGapsOnly)) {
    walker.look();
    walker.storm();
    if (settings.rseq) walker.storm_with_aborts();
    walker.storms_with_faults();
  }
  // A call for each place that is left takes longer than one that is stepped through, where preparing takes long.
  if (settings.quick && operation.is(kRare)) walker.fill_gap({});
  const auto choice = !settings.quick       ? Walker::Choice::kAll
                      : operation.is(kRare) ? Walker::Choice::kNew
                                            : Walker::Choice::kNewAndSome;
  walker.chase_races(choice);
  walker.each_place(choice, settings.quick ? 1 : nested_count());
  if (operation.is(kTakesStack)) walker.visit_callback(kPushFrame);

  release_stock();
  release_hoard();
  settle(settings, operation);
  before.expect_same();
  fprintf(log_file, "%-44s %6zu steps, %5zu nested, way of %4zu, %4zu of %4zu places met, %6.1f ms\n", operation.name,
          walker.all_steps(), walker.nested_run(), walker.way().size(), walker.places_met(), walker.places_wanted(),
          seconds_since(began) * 1000);
  expect_within_bounds(operation, walker.most());
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings = read_settings(argc, argv);
  expect_mode(settings);
  explain_fatal_signals(settings.limit_seconds);
  if (settings.log != nullptr) log_file = fopen(settings.log, "a");
  if (log_file == nullptr) fail("cannot write the log to %s", settings.log);
  setvbuf(log_file, nullptr, _IOLBF, 0);
  stay_on_one_cpu();
  const Table& table = table_of(settings.table);
  const auto& operations = table.operations;
  if (table.settle == nullptr) warm_up_all(operations);
  const timespec began = now();
  uint64_t seed = settings.seed;
  do {
    scene.seed = seed;
    fprintf(log_file, "walk: mode %s, seed %zu\n", scene.mode, static_cast<size_t>(seed));
    size_t index = 0;
    for (const Operation& operation : operations) {
      if (settings.quick && operation.is(kLongOnly)) continue;
      if (settings.operation != nullptr && strstr(operation.name, settings.operation) == nullptr) continue;
      if (index++ % settings.parts == settings.part) walk(operation, settings, seed);
    }
    ++seed;
    fflush(log_file);
  } while (seconds_since(began) < settings.minutes * 60);
  fprintf(log_file, "%zu instructions interrupted, %zu of sections\n", Coverage::get().count(Interrupted::kBefore),
          Coverage::get().count(Interrupted::kInSection));
  Coverage::get().append_to(settings.coverage);
  return 0;
}
