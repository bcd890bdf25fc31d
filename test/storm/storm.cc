// SPDX-License-Identifier: Apache-2.0
// A storm of signals over the allocator: threads that allocate and free without pause, twice as many as CPUs, each
// struck by two timers or by two perf events, whose handlers allocate and free as well, by plain and by nolock
// functions, nested, on alternate stacks or not, each freeing what the others allocated.
//
// It passes when nothing hangs, every pattern holds, errno is kept, the heap is sound and every object came back, and
// when the storm was one: enough signals hit inside the library. The long form is many storms, by timers and by perf
// events in turn. Storms on the smallest stacks: small_stacks.cc.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "arguments.h"
#include "backtraces.h"
#include "failure.h"
#include "interrupted.h"
#include "ledger.h"
#include "library.h"
#include "library_map.h"
#include "log.h"
#include "operations.h"
#include "overflow_clock.h"
#include "thread_timer.h"
#include "worker.h"

namespace storm {

using namespace support;

namespace {

constexpr size_t kWorkers = 4;
constexpr size_t kMaxDepth = 4;  // handlers on top of each other; deeper ones only count
constexpr size_t kStepsEach = 6;
constexpr uint64_t kNolockFailsOneIn = 100;  // at most
constexpr unsigned kLongestDelay = 2;        // of the end, as a multiple of the time asked for
constexpr unsigned kMostSeconds = 20;        // of one storm: the heap is looked at after each
constexpr int kSkipped = 77;                 // meson's status for a test that cannot be had here

enum class Source { kTimers, kOverflows };
constexpr const char* kSourceNames[] = {"timers", "perf events"};

struct Settings {
  const char* mode;
  bool by_timers, by_overflows;  // both: in turn
  unsigned seconds;
  long hertz;
  uint64_t min_inside;  // in all storms
  uint64_t seed;
  Log log;

  unsigned storms() const {
    const unsigned sources = by_timers && by_overflows ? 2 : 1;
    return std::max(sources, (seconds + kMostSeconds - 1) / kMostSeconds);
  }
};

Slots slots;
Tally tally;
Worker workers[kWorkers];
const LibraryMap* library;
thread_local Worker* current = nullptr;

void on_signal(int, siginfo_t* signal, void* context) {
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
  OverflowClock::ask_for_next(*signal);
  errno = interrupted_errno;
}

// Two signals, so that each nests in the other; by timers the first also in itself.
int first_signal() { return SIGRTMIN + 1; }
int second_signal() { return SIGRTMIN + 2; }

void install_handlers() {
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_NODEFER;
  sigaction(first_signal(), &action, nullptr);
  action.sa_flags &= ~SA_NODEFER;
  sigaction(second_signal(), &action, nullptr);
}

// How long a storm lasts: until `end`, and on a busy machine, which delivers fewer signals, on until enough of them
// have hit inside the library, but not past `latest`.
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

template <class Striker>
void work_struck_by(Worker& worker, long hertz, const Duration& duration) {
  const Striker first(first_signal(), period_of(hertz));
  const Striker second(second_signal(), period_of(hertz * 9 / 10));  // drifts against the first
  while (!duration.over()) worker.one_round(slots, tally);
}

void work_under_fire(Worker& worker, Source source, long hertz, const Duration& duration) {
  current = &worker;
  worker.use_alternate_stack_if_odd();
  (source == Source::kTimers ? work_struck_by<ThreadTimer> : work_struck_by<OverflowClock>)(worker, hertz, duration);
}

// The seconds that it took.
double storm_for(const Duration& duration, Source source, long hertz) {
  const auto begin = Duration::Clock::now();
  std::thread threads[kWorkers];
  for (size_t i = 0; i < kWorkers; i++) {
    threads[i] = std::thread(work_under_fire, std::ref(workers[i]), source, hertz, std::cref(duration));
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

void require_statistics(const Log& log, const reslab_stats& before, const reslab_stats& after) {
  for (const auto& [name, count] : kOthers) log.line("%s=%lu", name, after.*count - before.*count);
  for (const auto& [name, count] : kRequired) log.line("%s=%lu", name, after.*count - before.*count);
  char lock[16] = "";
  reslab_option_get("local_lock", lock, sizeof lock);
  for (const auto& [name, count] : kRequired) {
    // Where the local lock is never had, hardly a slab becomes active.
    if (count == &reslab_stats::deactivations && strcmp(lock, "never") == 0) continue;
    if (after.*count == before.*count) fail("the storm left %s as it was", name);
  }
  const uint64_t failures = after.nolock_failures - before.nolock_failures;
  if (failures != tally.nolock_failed) {
    fail("nolock_failures grew by %lu, %lu were seen", failures, tally.nolock_failed.load());
  }
}

void require_tally(const Log& log, double seconds, uint64_t min_inside) {
  log.line("%.0f signals a second; %lu signals, %lu inside the library, %lu nested",
           static_cast<double>(tally.signals) / seconds, tally.signals.load(), tally.inside.load(),
           tally.nested.load());
  log.line("%lu nolock allocations, %lu returned NULL; %lu rounds", tally.nolock_tried.load(),
           tally.nolock_failed.load(), tally.rounds.load());
  if (tally.nested == 0) fail("no handler interrupted another");
  if (tally.nolock_failed > tally.nolock_tried / kNolockFailsOneIn) fail("too many nolock allocations returned NULL");
  if (tally.inside < min_inside) {
    fail("%lu signals hit inside the library, %lu are asked for", tally.inside.load(), min_inside);
  }
}

void clear_tally() {
  for (auto* count :
       {&tally.signals, &tally.inside, &tally.nested, &tally.nolock_tried, &tally.nolock_failed, &tally.rounds}) {
    count->store(0, std::memory_order_relaxed);
  }
}

// With no object in a slot, before and after.
void one_storm(const Settings& settings, Source source, Random& random) {
  static Ledger before, full, after;  // too large for a stack
  settings.log.line("by %s", kSourceNames[static_cast<size_t>(source)]);
  before.take();
  clear_tally();
  const uint64_t min_inside = std::max<uint64_t>(1, settings.min_inside / settings.storms());
  const Duration duration(std::chrono::milliseconds(1000 * settings.seconds) / settings.storms(), min_inside);
  const double seconds = storm_for(duration, source, settings.hertz);
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
  require_tally(settings.log, seconds, min_inside);
  require_statistics(settings.log, before.stats(), after.stats());
}

Source source_of(const Settings& settings, unsigned storm) {
  const bool either = settings.by_timers && settings.by_overflows;
  return (either ? storm % 2 == 0 : settings.by_timers) ? Source::kTimers : Source::kOverflows;
}

int run(Settings settings) {
  require_malloc_in_mode(settings.mode);
  if (settings.by_overflows && !OverflowClock::is_permitted()) {
    settings.log.line("no storm by perf events: perf_event_open: %s", strerrordesc_np(errno));
    if (!settings.by_timers) return kSkipped;
    settings.by_overflows = false;
  }
  restrict_to_two_cpus();
  static const LibraryMap map = LibraryMap::of("reslab_malloc_nolock");
  library = &map;
  install_handlers();
  for (size_t i = 0; i < kWorkers; i++) workers[i].start(i, settings.seed);
  Random random(settings.seed);
  settings.log.line("mode %s, seed %lu, %u storms in %u seconds", settings.mode, settings.seed, settings.storms(),
                    settings.seconds);

  // What libc keeps for threads that have ended (stacks, their thread-local storage) is there from now on.
  storm_for(Duration(std::chrono::milliseconds(300), 0), source_of(settings, 0), settings.hertz);
  slots.release_all(random);
  for (unsigned storm = 0; storm < settings.storms(); storm++) one_storm(settings, source_of(settings, storm), random);
  settings.log.line("ok");
  return 0;
}

}  // namespace
}  // namespace storm

int main(int argc, char** argv) {
  static constexpr support::Option kOptions[] = {
      support::kModeOption,
      {"--by", "timers|overflows|turns", "what sends the signals (default turns, first timers)"},
      {"--seconds", "N", "how long (default 5)"},
      {"--minutes", "M", "how long"},
      {"--hertz", "N", "signals a second, of each of two sources for each thread (default 10000)"},
      {"--min-inside", "N", "fail unless so many signals hit inside the library (default 1)"},
      support::kSeedOption,
      support::kLogOption,
  };
  const support::Arguments arguments(argc, argv, "A storm of signals over the allocator.", kOptions);
  const char* by = arguments.text("--by", "turns");
  const storm::Settings settings = {.mode = arguments.required("--mode"),
                                    .by_timers = strcmp(by, "overflows") != 0,
                                    .by_overflows = strcmp(by, "timers") != 0,
                                    .seconds = storm::seconds_of(arguments, 5),
                                    .hertz = static_cast<long>(arguments.number("--hertz", 10'000)),
                                    .min_inside = arguments.number("--min-inside", 1),
                                    .seed = arguments.number("--seed", 1, 0),
                                    .log = support::Log(arguments)};
  support::explain_the_end();
  support::start_watchdog((1 + storm::kLongestDelay) * settings.seconds + 30);
  return storm::run(settings);
}
