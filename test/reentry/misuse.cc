// SPDX-License-Identifier: Apache-2.0
// Calls that the program must not make, interrupted in front of every instruction up to the report that ends the process:
// foreign pointers, double frees, wrong sizes. Each walk is a child process of its own, which must die by SIGABRT with the
// report; what was interrupted is in shared memory.
//
// What nested operations of a storm do may turn one misuse into another one, or hide it: a trim, say, takes the object that
// was freed last from where its second free is noticed. So a storm ends with any report, or with none.
//
// Objects of these calls are of classes that nested operations do not use: what was freed twice may be handed out twice.
// For lesson 15 of docs/lessons.md.
#include <reslab/reslab.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "coverage.h"
#include "cpu_slot.h"
#include "failure.h"
#include "misuse_states.h"
#include "passes.h"
#include "settings.h"
#include "walker.h"

using namespace reentry;

namespace {

constexpr size_t kNested = 208;  // bytes of nested operations
constexpr uintptr_t kIt = kTheSubject;
constexpr auto kNothing = Gives::kNothing;

struct Misuse {
  Operation operation;
  const char* begin;  // of the report
  const char* words;  // of it; where several ways end in the same, the operation's hook says which one was taken
};

// The child has come to the call that is walked (a report before that is one too early), and so often to its hook.
struct Progress {
  volatile bool is_prepared;
  size_t passes;
};
Progress* progress;  // in shared memory
state::Prepare wanted_state;
void prepare(size_t bytes) {
  wanted_state(bytes);
  progress->is_prepared = true;
}

constexpr const char kNotOurs[] = "no part of reslab's memory";
constexpr const char kByFree[] = "reslab: free(0x", kByFreeNolock[] = "reslab: reslab_free_nolock(0x";
constexpr const char kAtFlush[] = "double free: found free in its slab when a magazine was flushed";

const Misuse kMisuses[] = {
    {{"free of a foreign pointer", "free", kIt, 0, 0, kNothing, kNested, misuse::foreign, nullptr, 0},
     kByFree,
     kNotOurs},
    {{"free of an interior pointer", "free", kIt, 0, 0, kNothing, kNested, misuse::interior, nullptr, 0},
     kByFree,
     "not the start of an object: 16 bytes into object"},
    {{"free inside a run", "free", kIt, 0, 0, kNothing, kNested, misuse::inside_run, nullptr, 0},
     kByFree,
     "not the start of an object: 100000 bytes into a large block"},
    {{"free_nolock of a foreign pointer", "reslab_free_nolock", kIt, 0, 0, kNothing, kNested, misuse::foreign, nullptr,
      0},
     kByFreeNolock,
     kNotOurs},
    {{"realloc of a foreign pointer", "realloc", kIt, 100, 0, kNothing, kNested, misuse::foreign, nullptr, 0},
     "reslab: realloc(0x",
     kNotOurs},
    {{"usable_size of a foreign pointer", "malloc_usable_size", kIt, 0, 0, Gives::kCount, kNested, misuse::foreign,
      nullptr, 0},
     "reslab: malloc_usable_size(0x",
     kNotOurs},
    {{"free of an object of malloc to a typed cache", "reslab_cache_free", kTheCache, kIt, 0, kNothing, kNested,
      misuse::of_malloc, nullptr, 0},
     "reslab: reslab_cache_free(0x",
     "not an object of this cache, but object"},
    // On top of the magazine its bit is not free, and the line ends here.
    {{"free twice in a row", "free", kIt, 0, 0, kNothing, kNested, misuse::on_top, nullptr, 0},
     kByFree,
     " of a slab of class 64\n"},
    {{"free of a freed run", "free", kIt, 0, 0, kNothing, kNested, misuse::freed_run, nullptr, 0},
     kByFree,
     "inside reslab's range, where nothing is allocated"},
    {{"flush of one object twice", "free", kIt, 0, 0, kNothing, kNested, misuse::twice_in_magazine, "slab_give", 0},
     kByFree,
     kAtFlush},
    {{"flush of what is in its slab", "free", kIt, 0, 0, kNothing, kNested, misuse::in_slab_and_magazine, "slab_give",
      0},
     kByFree,
     kAtFlush},
    {{"free of one bit that is free", "reslab_free_nolock", kIt, 0, 0, kNothing, kNested, misuse::in_slab_of_full_class,
      "slab_given", 0},
     kByFreeNolock,
     ", which is free"},
    {{"free of one bit of an empty slab", "reslab_free_nolock", kIt, 0, 0, kNothing, kNested,
      misuse::in_empty_slab_of_full_class, "slab_given", 0},
     kByFreeNolock,
     ", which is free"},
    {{"drain of what is in its slab", "reslab_flush_deferred", 0, 0, 0, Gives::kCount, kNested,
      misuse::in_slab_and_deferred, "slab_given", 0},
     kByFree,
     kAtFlush},
    {{"drain of what is in no slab", "reslab_flush_deferred", 0, 0, 0, Gives::kCount, kNested,
      misuse::in_no_slab_and_deferred, "deferred_pop", 0},
     kByFree,
     kAtFlush},
    {{"drain of a written link", "reslab_flush_deferred", 0, 0, 0, Gives::kCount, kNested, misuse::written_in_deferred,
      "deferred_pop", 0},
     "reslab: object 0x",
     "was written after it was freed: its deferred-free link is damaged"},
    {{"pages_free_nolock of too little", "reslab_pages_free_nolock", kIt, 3, 0, kNothing, kNested, misuse::small_object,
      nullptr, 0},
     "reslab: reslab_pages_free_nolock(0x",
     "freed with size 32768, but it is object"},
};

enum class Expected : uint8_t { kTheReport, kAnyOrNone };

bool is_the_report(const Misuse& misuse, const char* said) {
  return strncmp(said, misuse.begin, strlen(misuse.begin)) == 0 && strstr(said, misuse.words) != nullptr;
}

// Runs `walk` in a child, which must die with the report.
template <class Walk>
void in_dying_process(const Misuse& misuse, uint64_t seed, size_t most_nested, Expected expected, Walk walk) {
  int ends[2];
  if (pipe(ends) != 0) fail("no pipe to be had");
  progress->is_prepared = false;
  wanted_state = misuse.operation.prepare;
  Operation operation = misuse.operation;
  operation.prepare = prepare;
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    explain_fatal_signals(60);
    signal(SIGABRT, SIG_DFL);
    reslab_free(reslab_malloc(1));  // which settles what the fork has left
    Walker walker(operation, seed, most_nested);
    Breakpoint breakpoint(walker.breakpoint_observer());
    if (breakpoint.unavailable() != nullptr) fail("no breakpoints on this machine: %s", breakpoint.unavailable());
    walker.use(breakpoint);
    walk(walker, operation);
    if (expected == Expected::kAnyOrNone) _exit(0);
    fail("it is not reported");
  }
  close(ends[1]);
  char said[4096];
  size_t bytes = 0;
  for (ssize_t got; bytes < sizeof said - 1 && (got = read(ends[0], said + bytes, sizeof said - 1 - bytes)) > 0;) {
    bytes += static_cast<size_t>(got);
  }
  said[bytes] = '\0';
  close(ends[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) fail("no child process to be had");
  const bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  const bool is_so = expected == Expected::kTheReport ? aborted && is_the_report(misuse, said)
                                                      : status == 0 || (aborted && strstr(said, "reslab: ") != nullptr);
  if (!is_so || !progress->is_prepared) {
    fail("'%s' ended with wait status 0x%x and said: %s", misuse.operation.name, static_cast<unsigned>(status), said);
  }
}

// By itself, and past its hook.
void expect_its_way(const Misuse& misuse) {
  progress->passes = 0;
  in_dying_process(misuse, 0, 0, Expected::kTheReport,
                   [](Walker&, const Operation& operation) { call_undisturbed(operation, &progress->passes); });
  const char* hook = misuse.operation.passes;
  if (hook != nullptr && progress->passes == 0) fail("'%s' does not pass the hook '%s'", misuse.operation.name, hook);
}

void walk(const Misuse& misuse, const Settings& settings, uint64_t seed, size_t most) {
  scene.operation = misuse.operation.name;
  const auto storm = [](Walker& walker, const Operation&) { walker.storm(); };
  const auto storm_with_aborts = [](Walker& walker, const Operation&) { walker.storm_with_aborts(); };
  const auto fill_gap = [](Walker& walker, const Operation&) { walker.fill_gap({}); };
  expect_its_way(misuse);
  in_dying_process(misuse, seed, most, Expected::kAnyOrNone, storm);
  if (settings.rseq) in_dying_process(misuse, seed, most, Expected::kAnyOrNone, storm_with_aborts);
  in_dying_process(misuse, seed, most, Expected::kTheReport, fill_gap);
}

std::vector<const Misuse*> chosen_of(const Settings& settings) {
  std::vector<const Misuse*> chosen;
  for (const Misuse& misuse : kMisuses) {
    const char* name = misuse.operation.name;
    if (settings.operation == nullptr || strstr(name, settings.operation) != nullptr) chosen.push_back(&misuse);
  }
  if (chosen.empty()) fail("no misuse is named like '%s'", settings.operation);
  return chosen;
}

void walk_table(const Settings& settings) {
  constexpr size_t kMostNested = 300;
  const auto misuses = chosen_of(settings);
  Passes passes(settings, misuses.size(), "calls by nested operations");
  for (const Misuse* misuse : misuses) {
    const timespec began = now();
    walk(*misuse, settings, settings.seed, kMostNested);
    passes.owe(1);
    printf("%-44s reported, %7.1f ms\n", misuse->operation.name, seconds_since(began) * 1000);
  }
  if (settings.quick) return;
  passes.begin_the_clock();
  for (size_t row; passes.next(row);) {
    walk(*misuses[row], settings, passes.seed(), SIZE_MAX);
    passes.add(time_is_over() ? 0 : 1);
  }
  passes.report(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings = read_settings(argc, argv);
  expect_mode(settings);
  explain_fatal_signals(settings.limit_seconds);
  if (settings.log != nullptr && freopen(settings.log, "a", stdout) == nullptr)
    fail("cannot write the log to %s", settings.log);
  setvbuf(stdout, nullptr, _IOLBF, 0);
  stay_on_one_cpu();
  Coverage::get();
  void* memory = mmap(nullptr, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("no memory");
  progress = static_cast<Progress*>(memory);
  scene.seed = settings.seed;
  printf("misuse: mode %s, seed %zu\n", scene.mode, static_cast<size_t>(settings.seed));
  walk_table(settings);
  printf("%zu instructions interrupted\n", Coverage::get().count(Interrupted::kBefore));
  Coverage::get().append_to(settings.coverage);
  return 0;
}
