// SPDX-License-Identifier: Apache-2.0
// The first calls: of the process, and of it on a CPU, interrupted in front of every instruction. A process has only one
// first call, so each place has a process of its own: a child forked from this one, which never calls the library. It does
// all its work before main, from .preinit_array: then not even the library's own constructor has run, which would make
// the root.
//
// In each child the walked call and the nested one are both first calls, or one of them finds what the other has made.
// For lesson 19 of docs/lessons.md.
#include <reslab/reslab.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "coverage.h"
#include "cpu_slot.h"
#include "failure.h"
#include "first_calls.h"
#include "library.h"
#include "nested.h"
#include "objects.h"
#include "operations.h"
#include "passes.h"
#include "random.h"
#include "settings.h"
#include "stock.h"
#include "typed.h"
#include "walker.h"

using namespace reentry;

namespace {

// What a child that looks tells its parent.
struct Found {
  size_t places;
  size_t faults;
  uintptr_t place[8192];
  Fault fault[256];
};
Found* found;

bool has_guards;  // each process then keeps the units that the guarded objects lie in

// In the child, behind the walk: what was held is given back, and nothing is missing.
void expect_nothing_lost() {
  constexpr uint64_t kPoolUnits = 64;
  static reslab_class_stats classes[kMostClasses];
  release_nested();
  release_stock();
  release_hoard();
  const int count = reslab_get_class_stats(classes, kMostClasses, sizeof classes[0]);
  for (int i = 0; i < count; ++i) {
    const bool is_pool = has_guards && strcmp(classes[i].name, "runs") == 0 && classes[i].live == kPoolUnits;
    if (classes[i].live != 0 && !is_pool)
      fail("class %s has %zu objects live, had none", classes[i].name, static_cast<size_t>(classes[i].live));
  }
  if (reslab_check(STDERR_FILENO) != 0) fail("reslab_check finds violations");
  Settings settings;
  expect_mode(settings);
}

// The caller's child goes on as a child of its own that has used the library: its first call settles what the fork has
// left. Its end is that of its parent, too.
void become_child_of_user() {
  constexpr size_t kRun = 300000;
  reslab_free(reslab_malloc(64));
  make_typed();
  stock.take(20000, 1);
  the_subject = allocate(kRun);
  the_last = reslab_cache_alloc(constructed_charged_cache());
  go_on_in_child();
}

// Runs `walk` in a child that has never called the library.
template <class Walk>
void in_fresh_process(const FirstCall& call, uint64_t seed, size_t most_nested, Walk walk) {
  const Operation& operation = call.operation;
  const pid_t child = fork();
  if (child == 0) {
    explain_fatal_signals(60);
    reslab_status status = {};
    reslab_get_status(&status, sizeof status);
    if (status.mode != RESLAB_MODE_NONE) fail("the library has been called before");
    if (call.place == Place::kChildOfUser) become_child_of_user();
    Walker walker(operation, seed, most_nested);
    Breakpoint breakpoint(walker.breakpoint_observer());
    if (breakpoint.unavailable() != nullptr) fail("no breakpoints on this machine: %s", breakpoint.unavailable());
    walker.use(breakpoint);
    walk(walker);
    expect_nothing_lost();
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) fail("no child process to be had");
  if (status != 0)
    fail("the child that walked '%s' ended with wait status 0x%x", operation.name, static_cast<unsigned>(status));
}

void look(const FirstCall& call, const Settings& settings) {
  in_fresh_process(call, settings.seed, 0, [passes = call.operation.passes](Walker& walker) {
    walker.look();
    if (!walker.has_passed()) fail("it does not pass the hook '%s'", passes);
    found->places = walker.way().size();
    found->faults = walker.faults().size();
    if (found->places > 8192 || found->faults > 256) fail("the way is longer than there is room for");
    memcpy(found->place, walker.way().data(), found->places * sizeof(uintptr_t));
    memcpy(static_cast<void*>(found->fault), walker.faults().data(), found->faults * sizeof(Fault));
  });
}

void storms(const FirstCall& call, const Settings& settings, uint64_t seed, size_t most_nested) {
  constexpr size_t kMostBehindFault = 300;
  const Operation& operation = call.operation;
  in_fresh_process(call, seed, most_nested, [](Walker& walker) { walker.storm(); });
  if (settings.rseq) in_fresh_process(call, seed, most_nested, [](Walker& walker) { walker.storm_with_aborts(); });
  for (size_t i = 0; i < found->faults && !time_is_over(); ++i) {
    if (!operation.is(kFaults) && found->fault[i].kind != Fault::Kind::kDeed) continue;
    in_fresh_process(call, seed, kMostBehindFault, [i](Walker& walker) { walker.storm_with(found->fault[i]); });
    in_fresh_process(call, seed, kMostBehindFault, [i](Walker& walker) { walker.fill_gap(found->fault[i]); });
  }
}

void visit(const FirstCall& call, uint64_t seed, uintptr_t place) {
  in_fresh_process(call, seed, SIZE_MAX, [=](Walker& walker) { walker.visit(place, kind_for(place, seed)); });
}

void chase(const FirstCall& call, uint64_t seed, uintptr_t place) {
  in_fresh_process(call, seed, SIZE_MAX, [=](Walker& walker) { walker.chase(place, kind_for(place, seed)); });
}

void walk_some(const FirstCall& call, const Settings& settings) {
  constexpr size_t kMostNested = 300, kSome = 32, kSomeChases = 24, kFewChases = 240;  // one in so many
  const uint64_t seed = settings.seed;
  const bool is_rare = call.operation.is(kRare);
  const timespec began = now();
  look(call, settings);
  storms(call, settings, seed, is_rare ? kMostNested : SIZE_MAX);
  in_fresh_process(call, seed, SIZE_MAX, [](Walker& walker) { walker.fill_gap({}); });
  size_t visited = 0;
  for (size_t i = 0; i < found->places; ++i) {
    const uintptr_t place = found->place[i];
    const bool is_new = !Coverage::get().has(
        place, Library::get().is_inside_section(place) ? Interrupted::kByBreakpoint : Interrupted::kBefore);
    if (!is_new && (is_rare || (seed + i) % kSome != 0)) continue;
    visit(call, seed, place);
    ++visited;
  }
  const size_t stride = is_rare ? kFewChases : kSomeChases;
  for (size_t i = seed % stride; i < found->places; i += stride) chase(call, seed, found->place[i]);
  printf("%-44s way of %4zu, %3zu faults, %4zu places, %7.1f ms\n", call.operation.name, found->places, found->faults,
         visited, seconds_since(began) * 1000);
}

// From where the seed says on: a call that time does not suffice for has another part of it walked each time.
size_t walk_all(const FirstCall& call, const Settings& settings, uint64_t seed) {
  look(call, settings);
  const size_t n = found->places, first = support::Random(seed).below(n);
  size_t visited = 0;
  for (; visited < n && !time_is_over(); ++visited) {
    const uintptr_t place = found->place[(first + visited) % n];
    visit(call, seed, place);
    chase(call, seed, place);
  }
  if (!time_is_over()) storms(call, settings, seed, SIZE_MAX);
  return visited;
}

std::vector<FirstCall> chosen_of(const Settings& settings) {
  std::vector<FirstCall> calls = first_calls(), chosen;
  for (const FirstCall& call : first_typed_calls()) calls.push_back(call);
  for (const FirstCall& call : calls) {
    if (call.place == Place::kInRseqMode && !settings.rseq) continue;
    if (call.place == Place::kWithGuards && !has_guards) continue;
    if (settings.operation == nullptr || strstr(call.operation.name, settings.operation) != nullptr)
      chosen.push_back(call);
  }
  if (chosen.empty()) fail("no first call is named like '%s'", settings.operation);
  return chosen;
}

void walk_table(const Settings& settings) {
  const std::vector<FirstCall> calls = chosen_of(settings);
  Passes passes(settings, calls.size(), "places by nested operations");
  for (const FirstCall& call : calls) {
    walk_some(call, settings);
    passes.owe(found->places);
  }
  if (settings.quick) return;
  passes.begin_the_clock();
  for (size_t row; passes.next(row);) passes.add(walk_all(calls[row], settings, passes.seed()));
  passes.report(stdout);
}

void run(int argc, char** argv, char** environment) {
  Settings settings = read_settings(argc, argv);
  if (*scene.mode == '\0') scene.mode = "rseq";
  settings.rseq = strcmp(scene.mode, "rseq") == 0;
  // libc's own constructor, which comes later, would set it. The library finds RESLAB_OPTIONS with it and without.
  if (settings.rseq) environ = environment;
  has_guards = strcmp(settings.table, "guards") == 0;
  expect_rseq_mode(settings.rseq);
  explain_fatal_signals(settings.limit_seconds);
  if (settings.log != nullptr && freopen(settings.log, "a", stdout) == nullptr)
    fail("cannot write the log to %s", settings.log);
  setvbuf(stdout, nullptr, _IOLBF, 0);
  void* memory = mmap(nullptr, sizeof(Found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("no memory");
  found = static_cast<Found*>(memory);
  stay_on_one_cpu();
  Coverage::get();
  scene.seed = settings.seed;
  printf("first: mode %s, seed %zu\n", scene.mode, static_cast<size_t>(settings.seed));
  walk_table(settings);
  Coverage::get().append_to(settings.coverage);
  fflush(stdout);
  _exit(0);
}

__attribute__((section(".preinit_array"), used)) void (*const before_all)(int, char**, char**) = run;

}  // namespace

int main() { return 1; }
