// SPDX-License-Identifier: Apache-2.0
// A storm of signals over the allocator: threads that allocate and free without pause, each struck by two timers, whose
// handlers allocate and free as well, by plain and by nolock functions, nested, on alternate stacks or not, each freeing
// what the others allocated.
//
// It passes when nothing hangs, every pattern holds, errno is kept, the heap is sound and every object came back, and
// when the storm was one: enough signals hit inside the library. For lesson 27 of docs/lessons.md.
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <chrono>
#include <thread>

#include "arguments.h"
#include "backtraces.h"
#include "failure.h"
#include "interrupted.h"
#include "ledger.h"
#include "library.h"
#include "library_map.h"
#include "operations.h"
#include "thread_timer.h"
#include "worker.h"

namespace storm {

using namespace support;

namespace {

constexpr size_t kWorkers = 4;
constexpr size_t kMaxDepth = 4;  // handlers on top of each other; deeper ones only count
constexpr size_t kStepsEach = 6;
constexpr uint64_t kNolockFailsOneIn = 100;  // at most
constexpr int kLongestDelay = 2;             // of the end, as a multiple of the time asked for

struct Settings {
  const char* mode;
  unsigned seconds;
  long hertz;
  uint64_t min_inside;
  uint64_t seed;
};

Slots slots;
Tally tally;
Worker workers[kWorkers];
const LibraryMap* library;
thread_local Worker* current = nullptr;

void on_timer(int, siginfo_t*, void* context) {
  const int interrupted_errno = errno;
  Worker& worker = *current;
  Tally::count(tally.signals);
  if (library->contains(interrupted_pc(context))) Tally::count(tally.inside);

  const size_t depth = worker.depth.fetch_add(1, std::memory_order_relaxed);
  if (depth > 0) Tally::count(tally.nested);
  if (depth < kMaxDepth) {
    for (size_t i = 0; i < kStepsEach; i++) slots.mixed_step(worker.index, worker.handler_random, tally);
  }
  worker.depth.fetch_sub(1, std::memory_order_relaxed);
  errno = interrupted_errno;
}

// Two signals, so that each nests in the other; the first also in itself.
int first_signal() { return SIGRTMIN + 1; }
int second_signal() { return SIGRTMIN + 2; }

void install_handlers() {
  struct sigaction action = {};
  action.sa_sigaction = on_timer;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_NODEFER;
  sigaction(first_signal(), &action, nullptr);
  action.sa_flags &= ~SA_NODEFER;
  sigaction(second_signal(), &action, nullptr);
}

void restrict_to_two_cpus() {
  cpu_set_t allowed, two;
  sched_getaffinity(0, sizeof allowed, &allowed);
  CPU_ZERO(&two);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&two) < 2; cpu++) {
    if (CPU_ISSET(cpu, &allowed)) CPU_SET(cpu, &two);
  }
  if (sched_setaffinity(0, sizeof two, &two) != 0) fail("sched_setaffinity: %s", strerrordesc_np(errno));
}

// How long a storm lasts: until `end`, and on a busy machine, which delivers fewer signals, on until enough of them have
// hit inside the library, but not past `latest`.
struct Duration {
  using Clock = std::chrono::steady_clock;

  Duration(std::chrono::milliseconds length, uint64_t inside)
      : end(Clock::now() + length), latest(end + kLongestDelay * length), min_inside(inside) {}

  bool over() const {
    const auto now = Clock::now();
    return now >= latest || (now >= end && tally.inside.load(std::memory_order_relaxed) >= min_inside);
  }

  Clock::time_point end, latest;
  uint64_t min_inside;
};

void work_under_fire(Worker& worker, long hertz, const Duration& duration) {
  current = &worker;
  worker.use_alternate_stack_if_odd();
  const ThreadTimer first(first_signal(), period_of(hertz));
  const ThreadTimer second(second_signal(), period_of(hertz * 9 / 10));  // drifts against the first
  while (!duration.over()) worker.one_round(slots, tally);
}

// The seconds that it took.
double storm_for(const Duration& duration, long hertz) {
  const auto begin = Duration::Clock::now();
  std::thread threads[kWorkers];
  for (size_t i = 0; i < kWorkers; i++) {
    threads[i] = std::thread(work_under_fire, std::ref(workers[i]), hertz, std::cref(duration));
  }
  for (std::thread& thread : threads) thread.join();
  return std::chrono::duration<double>(Duration::Clock::now() - begin).count();
}

struct Statistic {
  const char* name;
  uint64_t reslab_stats::*count;
};

// What the storm must have caused, or it was none.
constexpr Statistic kRequired[] = {{"refills", &reslab_stats::refills},
                                   {"flushes", &reslab_stats::flushes},
                                   {"deactivations", &reslab_stats::deactivations},
                                   {"deferred_pushed", &reslab_stats::deferred_pushed},
                                   {"deferred_flushed", &reslab_stats::deferred_flushed},
                                   {"nolock_allocs", &reslab_stats::nolock_allocs}};

// What else there was, for the reader: how often these happen is the machine's choice.
constexpr Statistic kOthers[] = {{"nolock_retries", &reslab_stats::nolock_retries},
                                 {"local_lock_busy_self", &reslab_stats::local_lock_busy_self},
                                 {"local_lock_busy_other", &reslab_stats::local_lock_busy_other},
                                 {"reentries", &reslab_stats::reentries},
                                 {"rseq_restarts_exhausted", &reslab_stats::rseq_restarts_exhausted},
                                 {"bytes_purged", &reslab_stats::bytes_purged}};

void require_statistics(const reslab_stats& before, const reslab_stats& after) {
  for (const auto& [name, count] : kOthers) printf("%s=%lu\n", name, after.*count - before.*count);
  for (const auto& [name, count] : kRequired) printf("%s=%lu\n", name, after.*count - before.*count);
  for (const auto& [name, count] : kRequired) {
    if (after.*count == before.*count) fail("the storm left %s as it was", name);
  }
  const uint64_t failures = after.nolock_failures - before.nolock_failures;
  if (failures != tally.nolock_failed) {
    fail("nolock_failures grew by %lu, %lu were seen", failures, tally.nolock_failed.load());
  }
}

void require_tally(double seconds, uint64_t min_inside) {
  printf("%.0f signals a second; %lu signals, %lu inside the library, %lu nested\n",
         static_cast<double>(tally.signals) / seconds, tally.signals.load(), tally.inside.load(), tally.nested.load());
  printf("%lu nolock allocations, %lu returned NULL; %lu rounds\n", tally.nolock_tried.load(),
         tally.nolock_failed.load(), tally.rounds.load());
  if (tally.nested == 0) fail("no handler interrupted another");
  if (tally.nolock_failed > tally.nolock_tried / kNolockFailsOneIn) fail("too many nolock allocations returned NULL");
  if (tally.inside < min_inside) {
    fail("%lu signals hit inside the library, %lu are asked for", tally.inside.load(), min_inside);
  }
}

int run(const Settings& settings) {
  static Ledger before, full, after;  // too large for a stack
  require_malloc_in_mode(settings.mode);
  restrict_to_two_cpus();
  static const LibraryMap map = LibraryMap::of("reslab_malloc_nolock");
  library = &map;
  install_handlers();
  for (size_t i = 0; i < kWorkers; i++) workers[i].start(i, settings.seed);
  Random random(settings.seed);

  // What libc keeps for threads that have ended (stacks, their thread-local storage) is there from now on.
  storm_for(Duration(std::chrono::milliseconds(300), 0), settings.hertz);
  slots.release_all(random);
  before.take();
  for (auto* count :
       {&tally.signals, &tally.inside, &tally.nested, &tally.nolock_tried, &tally.nolock_failed, &tally.rounds}) {
    count->store(0, std::memory_order_relaxed);
  }

  const Duration duration(std::chrono::seconds(settings.seconds), settings.min_inside);
  const double seconds = storm_for(duration, settings.hertz);
  full.take();
  if (full.stats().bytes_live - before.stats().bytes_live != slots.usable_bytes()) {
    fail("%lu bytes live more than before, but the objects in slots occupy %lu",
         full.stats().bytes_live - before.stats().bytes_live, slots.usable_bytes());
  }
  expect_sound_heap("with objects in the slots");
  slots.release_all(random);
  expect_sound_heap("with all objects freed");
  after.take();
  after.expect_same(before, "with all objects freed");
  require_tally(seconds, settings.min_inside);
  require_statistics(before.stats(), after.stats());
  puts("ok");
  return 0;
}

}  // namespace
}  // namespace storm

int main(int argc, char** argv) {
  static constexpr support::Option kOptions[] = {
      support::kModeOption,
      {"--seconds", "N", "how long (default 5)"},
      {"--hertz", "N", "signals a second, of each of two timers for each thread (default 10000)"},
      {"--min-inside", "N", "fail unless so many signals hit inside the library (default 1)"},
      support::kSeedOption,
  };
  const support::Arguments arguments(argc, argv, "A storm of signals over the allocator.", kOptions);
  const storm::Settings settings = {.mode = arguments.required("--mode"),
                                    .seconds = static_cast<unsigned>(arguments.number("--seconds", 5)),
                                    .hertz = static_cast<long>(arguments.number("--hertz", 10'000)),
                                    .min_inside = arguments.number("--min-inside", 1),
                                    .seed = arguments.number("--seed", 1, 0)};
  setlinebuf(stdout);  // a failure ends the process without flushing
  support::explain_the_end();
  support::start_watchdog((1 + storm::kLongestDelay) * settings.seconds + 30);
  return storm::run(settings);
}
