// SPDX-License-Identifier: Apache-2.0
// Forks while other threads are inside the allocator and one is inside stdio, by fork, by _Fork and by the bare system
// call, from the main thread and from a handler that interrupted the library itself. Each child finds a heap that other
// threads, which it does not have, left in the middle of things. It has to allocate, to free what they had allocated, to
// use stdio if libc knows of the fork, to pass the audit, and to fork a child of its own that does the same. The long form
// goes on so for its time. For lesson 29 of docs/lessons.md.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "arguments.h"
#include "backtraces.h"
#include "child.h"
#include "failure.h"
#include "interrupted.h"
#include "ledger.h"
#include "library.h"
#include "library_map.h"
#include "log.h"
#include "operations.h"
#include "thread_timer.h"
#include "worker.h"

namespace storm {

using namespace support;

namespace {

constexpr size_t kWorkers = 3;
constexpr size_t kStruck = kWorkers;     // the place of the thread whose handler forks
constexpr size_t kChild = kWorkers + 1;  // the place of whoever works in a child
constexpr unsigned kChildSeconds = 20;   // a child that is older hangs; its own child says so first
constexpr int kGenerations = 2;          // children and grandchildren
constexpr unsigned kRound = 20;          // forks of the long form between two looks at the clock and at the heap
constexpr unsigned kGrace = 60;          // seconds, for what comes before and after the time that was asked for

Slots slots;
Worker workers[kChild + 1];
Tally tally;
const LibraryMap* library;
std::atomic<bool> stop{false};

// Written by the handler of the struck thread and read by that thread only.
volatile sig_atomic_t may_fork = 0;
volatile sig_atomic_t is_child = 0;
volatile pid_t child_of_handler = 0;
volatile unsigned form_of_handler = 0;

using Fork = pid_t (*)();
constexpr struct {
  const char* name;
  Fork call;
  bool frees_stdio;  // libc takes the locks of stdio for it, and frees them in the child
} kForms[] = {{"a child of fork", [] { return fork(); }, true},
              {"a child of _Fork", [] { return _Fork(); }, false},
              {"a child of the system call fork", [] { return static_cast<pid_t>(syscall(SYS_fork)); }, false}};

// A file is an object, and so is its buffer.
void write_file() {
  FILE* const file = fopen("/dev/null", "we");
  if (file == nullptr) fail("/dev/null: %s", strerrordesc_np(errno));
  fprintf(file, "as programs do that are forked meanwhile: %d\n", getpid());
  fclose(file);
}

void fork_and_wait(unsigned form, int generation);

[[noreturn]] void live_as_child(unsigned form, int generation) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // nothing stays behind when the watchdog kills the parent
  set_stage("a child works");
  limit_time(kChildSeconds / static_cast<unsigned>(generation));
  Worker& worker = workers[kChild];
  worker.start(kChild, static_cast<uint64_t>(getpid()));
  Random random(static_cast<uint64_t>(getpid()));

  expect_sound_heap("in a child, at once");
  for (size_t i = 0; i < 200; i++) slots.mixed_step(kChild, random, tally);
  for (size_t i = 0; i < 4; i++) worker.one_round(slots, tally);
  if (kForms[form].frees_stdio) write_file();
  if (generation < kGenerations) fork_and_wait(form, generation + 1);
  slots.release_all(random);
  expect_sound_heap("in a child, with the slots empty");
  _exit(0);
}

void fork_and_wait(unsigned form, int generation) {
  const pid_t child = kForms[form].call();
  if (child == 0) live_as_child(form, generation);
  expect_good_end_of(child, kForms[form].name);
}

// Forks when it interrupts the library. The child returns into the middle of it like the parent does.
void fork_in_handler(int, siginfo_t*, void* context) {
  if (may_fork == 0 || !library->contains(interrupted_pc(context))) return;
  const int interrupted_errno = errno;
  may_fork = 0;
  const pid_t child = kForms[form_of_handler].call();
  if (child < 0) fail("%s in a handler: %s", kForms[form_of_handler].name, strerrordesc_np(errno));
  if (child == 0) is_child = 1;
  child_of_handler = child;
  errno = interrupted_errno;
}

// The struck thread: works until its handler has forked, then waits for the child; the child, where the only thread is
// a copy of this one, comes out of the same round.
void fork_from_handlers(unsigned count) {
  const ThreadTimer timer(SIGRTMIN + 1, period_of(2000));
  for (unsigned i = 0; i < count; i++) {
    form_of_handler = i % std::size(kForms);
    may_fork = 1;
    while (may_fork != 0) workers[kStruck].one_round(slots, tally);
    if (is_child != 0) live_as_child(form_of_handler, 1);
    expect_good_end_of(child_of_handler, kForms[form_of_handler].name);
  }
}

void fork_under_load(unsigned count) {
  std::thread threads[kWorkers];
  stop = false;
  for (size_t i = 0; i < kWorkers; i++) {
    threads[i] = std::thread([i] {
      while (!stop.load(std::memory_order_relaxed)) workers[i].one_round(slots, tally);
    });
  }
  std::thread writer([] {
    while (!stop.load(std::memory_order_relaxed)) write_file();
  });
  std::thread struck(fork_from_handlers, count);
  for (unsigned i = 0; i < count; i++) fork_and_wait(i % std::size(kForms), 1);
  struck.join();
  stop = true;
  writer.join();
  for (std::thread& thread : threads) thread.join();
}

struct Settings {
  const char* mode;
  unsigned forks;
  unsigned seconds;  // 0: as long as it takes
  uint64_t seed;
  Log log;
};

// With the slots empty.
void fork_and_compare(unsigned count, Random& random) {
  static Ledger before, after;
  before.take();
  fork_under_load(count);
  slots.release_all(random);
  expect_sound_heap("in the parent");
  after.take();
  after.expect_same(before, "in the parent");
}

int run(const Settings& settings) {
  using Clock = std::chrono::steady_clock;
  require_malloc_in_mode(settings.mode);
  static const LibraryMap map = LibraryMap::of("reslab_malloc_nolock");
  library = &map;
  struct sigaction action = {};
  action.sa_sigaction = fork_in_handler;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGRTMIN + 1, &action, nullptr);
  for (size_t i = 0; i < std::size(workers); i++) workers[i].start(i, settings.seed);
  Random random(settings.seed);

  fork_under_load(3);  // what libc keeps for threads that have ended is there from now on
  slots.release_all(random);

  const auto end = Clock::now() + std::chrono::seconds(settings.seconds);
  unsigned forks = 0;
  do {
    const unsigned count = settings.seconds == 0 ? settings.forks : kRound;
    fork_and_compare(count, random);
    forks += count;
  } while (Clock::now() < end);
  settings.log.line(
      "mode %s, seed %lu: %u children of the main thread, %u of handlers inside the library, as many "
      "grandchildren",
      settings.mode, settings.seed, forks, forks);
  settings.log.line("ok");
  return 0;
}

}  // namespace
}  // namespace storm

int main(int argc, char** argv) {
  static constexpr support::Option kOptions[] = {
      support::kModeOption,
      {"--forks", "N", "how many, of the main thread and of handlers each (default 60)"},
      {"--limit", "SECONDS", "for all of it (default 60)"},
      {"--minutes", "M", "as many as there can be in that time, instead"},
      support::kSeedOption,
      support::kLogOption,
  };
  const support::Arguments arguments(argc, argv, "Forks while other threads are inside the allocator.", kOptions);
  const storm::Settings settings = {.mode = arguments.required("--mode"),
                                    .forks = static_cast<unsigned>(arguments.number("--forks", 60)),
                                    .seconds = arguments.has("--minutes") ? storm::seconds_of(arguments, 0) : 0,
                                    .seed = arguments.number("--seed", 1, 0),
                                    .log = support::Log(arguments)};
  support::explain_the_end();
  support::start_watchdog(settings.seconds > 0 ? settings.seconds + storm::kGrace
                                               : static_cast<unsigned>(arguments.number("--limit", 60)));
  return storm::run(settings);
}
