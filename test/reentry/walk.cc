// SPDX-License-Identifier: Apache-2.0
// Every operation of the table, interrupted in front of every instruction, in the mode that RESLAB_OPTIONS asks for.
// Prints a line for each operation and the bounds of the strict nolock calls; appends to the coverage.
// For lessons 8 and 27 of docs/lessons.md.
#include <reslab/reslab.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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
#include "passes.h"
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
  if (most.stack_bytes > kMostStackBytes) fail("%zu bytes of stack", static_cast<size_t>(most.stack_bytes));
  if (most.steps > kMostSteps) fail("%zu steps", static_cast<size_t>(most.steps));
}

void print(const Operation& operation, const Walker& walker, timespec began) {
  fprintf(log_file, "%-44s %6zu steps, %5zu nested, way of %4zu, %4zu of %4zu places met, %6.1f ms\n", operation.name,
          walker.all_steps(), walker.nested_run(), walker.way().size(), walker.places_met(), walker.places_wanted(),
          seconds_since(began) * 1000);
  if (!operation.is(kStrict)) return;
  fprintf(log_file, "  bound: %-44s %6zu steps %5zu bytes of stack\n", operation.name,
          static_cast<size_t>(walker.most().steps), static_cast<size_t>(walker.most().stack_bytes));
}

void walk_some(Walker& walker, const Operation& operation, const Settings& settings) {
  if (!operation.is(kGapsOnly)) {
    walker.look();
    walker.storm();
    if (settings.rseq) walker.storm_with_aborts();
    walker.storms_with_faults();
  }
  // A call for each place that is left takes longer than one that is stepped through, where preparing takes long.
  if (operation.is(kRare)) walker.fill_gap({});
  walker.chase_races();
  walker.each_place(operation.is(kRare) ? Walker::Choice::kNew : Walker::Choice::kNewAndSome);
  if (operation.is(kTakesStack)) walker.visit_callback(kPushFrame);
  if (settings.quick || !operation.is(kGapsOnly)) return;
  walker.look();  // which says how many places there are
  walker.storm();
}

void walk_storms(Walker& walker, const Operation& operation, const Settings& settings) {
  walker.look();
  walker.storm();
  if (settings.rseq) walker.storm_with_aborts();
  walker.storms_with_faults();
  if (operation.is(kTakesStack) && !time_is_over()) walker.visit_callback(kPushFrame);
}

// Between two looks at the ledger: what it leaves must be what it has found.
template <class Walk>
void walk(const Operation& operation, const Settings& settings, Walker& walker, Walk how) {
  scene.operation = operation.name;
  release_stock();
  settle(settings, operation);
  const Ledger before;
  expect_its_way(operation);

  Breakpoint breakpoint(walker.breakpoint_observer());
  if (breakpoint.unavailable() != nullptr) fail("no breakpoints on this machine: %s", breakpoint.unavailable());
  walker.use(breakpoint);
  how(walker, operation, settings);

  release_stock();
  release_hoard();
  settle(settings, operation);
  before.expect_same();
  expect_within_bounds(operation, walker.most());
}

std::vector<const Operation*> chosen_of(const Settings& settings) {
  std::vector<const Operation*> chosen;
  size_t index = 0;
  for (const Operation& operation : table_of(settings.table).operations) {
    if (settings.quick && operation.is(kLongOnly)) continue;
    if (settings.operation != nullptr && strstr(operation.name, settings.operation) == nullptr) continue;
    if (index++ % settings.parts == settings.part) chosen.push_back(&operation);
  }
  if (chosen.empty()) fail("no operation of this table is named like '%s'", settings.operation);
  return chosen;
}

// What a walk has done, in memory that a child shares with its parent.
struct Done {
  size_t places;   // of the way
  size_t visited;  // of these, by a call each, in this pass
};
Done* done;

void walk_some_of(const Operation& operation, const Settings& settings) {
  const timespec began = now();
  Walker walker(operation, settings.seed, kQuickStorm);
  walk(operation, settings, walker, walk_some);
  if (!settings.quick && walker.nested_run() == 0) fail("nothing was interrupted");
  print(operation, walker, began);
  done->places = walker.way().size();
}

// Those that are left.
void walk_places_of(const Operation& operation, const Settings& settings, uint64_t seed) {
  Walker walker(operation, seed, SIZE_MAX);
  walk(operation, settings, walker, [](Walker& walker, const Operation&, const Settings&) {
    walker.look();
    done->visited = walker.all_places(done->visited);
    done->places = walker.way().size();
  });
}

void walk_storms_of(const Operation& operation, const Settings& settings, uint64_t seed) {
  Walker walker(operation, seed, SIZE_MAX);
  walk(operation, settings, walker, walk_storms);
}

// Each finds the heap as this process has it: what thousands of calls leave behind, such as a longer arena, is not
// there for the next row.
template <class Walk>
void in_child(const Settings& settings, const char* name, Walk walk) {
  const pid_t child = fork();
  if (child == 0) {
    explain_fatal_signals(settings.limit_seconds);
    reslab_free(reslab_malloc(1));  // which settles what the fork has left
    walk();
    fflush(log_file);
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) fail("no child process to be had");
  if (status != 0) fail("the child that walked '%s' ended with wait status 0x%x", name, static_cast<unsigned>(status));
}

void run_long(const Settings& settings, const std::vector<const Operation*>& operations) {
  Passes passes(settings, operations.size(), "places by nested operations");
  for (const Operation* operation : operations) {
    in_child(settings, operation->name, [&] { walk_some_of(*operation, settings); });
    passes.owe(done->places);
  }
  passes.begin_the_clock();
  for (size_t row; passes.next(row);) {
    const Operation& operation = *operations[row];
    const uint64_t seed = passes.seed();
    done->visited = 0;
    do in_child(settings, operation.name, [&] { walk_places_of(operation, settings, seed); });
    while (done->visited < done->places && !time_is_over());
    passes.add(done->visited);
    if (!time_is_over()) in_child(settings, operation.name, [&] { walk_storms_of(operation, settings, seed); });
  }
  passes.report(log_file);
}

void run(const Settings& settings) {
  void* memory = mmap(nullptr, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("no memory");
  done = static_cast<Done*>(memory);
  const auto operations = chosen_of(settings);
  if (!settings.quick) return run_long(settings, operations);
  const bool in_children = table_of(settings.table).in_children;
  for (const Operation* operation : operations) {
    if (in_children) in_child(settings, operation->name, [&] { walk_some_of(*operation, settings); });
    else walk_some_of(*operation, settings);
  }
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
  if (table.settle == nullptr) warm_up_all(table.operations);
  scene.seed = settings.seed;
  fprintf(log_file, "walk: mode %s, table %s, seed %zu\n", scene.mode, settings.table,
          static_cast<size_t>(settings.seed));
  Coverage::get();  // shared with children
  run(settings);
  fprintf(log_file, "%zu instructions interrupted, %zu of sections\n", Coverage::get().count(Interrupted::kBefore),
          Coverage::get().count(Interrupted::kInSection));
  Coverage::get().append_to(settings.coverage);
  return 0;
}
