// SPDX-License-Identifier: Apache-2.0
// How often a strict nolock allocation succeeds where it is hardest: four threads allocate and free by plain calls,
// each with a timer of 20,000 signals a second, whose handler takes two hundred objects of up to 8 KiB and holds them
// (see handler_load.h). Strict calls never enter the kernel, so what they get must be there already. No machine
// delivers that many: such a handler takes longer than the timer's period. What came is printed, and there is a floor
// on how many handlers did their work for each second of CPU time, which is what a busy machine changes least.
//
// --sizes: of how many sizes the objects of one signal are. Eight is mixed. One is the hardest: each handler takes all
// of its objects from one class, 1.6 MB of the largest, and the next handler those of another.
//
// It fails when more than --allowed of a million allocations return NULL, from the first signal on; when a failure is
// not counted in nolock_failures, or a count there was none, before or after the storm has set in (there are no
// counters by reason: a strict call fails where its own class and the larger ones have nothing that it may have); when
// the heap is not sound, or an object did not come back. With --least-failures it fails when there were fewer: for a
// heap that is told to keep nothing ready, so that there is something to count. It prints by which routes the
// allocations came, as far as the statistics tell. For lesson 2 of docs/lessons.md.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "arguments.h"
#include "backtraces.h"
#include "failure.h"
#include "handler_load.h"
#include "ledger.h"
#include "library.h"
#include "log.h"
#include "routes.h"
#include "thread_timer.h"

namespace nolock {

using namespace support;

namespace {

constexpr size_t kThreads = 4;
constexpr unsigned kGrace = 30;      // seconds for what comes before and after the storm
constexpr double kLeastRate = 1500;  // handlers that did their work, for each second of CPU time

struct Settings {
  const char* mode;
  unsigned seconds;
  long hertz;
  size_t sizes;
  uint64_t seed;
  uint64_t allowed;  // failures in a million
  uint64_t least_failures;
  Log log;
};

struct alignas(64) Worker {
  HandlerLoad load;
  uint64_t signals = 0;
  uint64_t too_soon = 0;           // of these, that found the interrupted code where the last one had left it
  std::atomic<uint64_t> steps{0};  // of the interrupted code; read by handlers on the same thread only
  uint64_t steps_at_last_signal = 0;
  Random random{0};
};
Worker workers[kThreads];
thread_local Worker* current = nullptr;
std::atomic<bool> over{false};

// A handler that takes longer than the timer's period would follow upon itself for ever, and the interrupted code would
// never get to its next instruction, nor to the end of the storm: such a signal is counted, and that is all.
bool comes_too_soon(Worker& self) {
  const uint64_t steps = self.steps.load(std::memory_order_relaxed);
  const bool same = steps == self.steps_at_last_signal;
  self.steps_at_last_signal = steps;
  return same;
}

void on_timer(int) {
  const int interrupted_errno = errno;
  current->signals++;
  if (comes_too_soon(*current)) {
    current->too_soon++;
  } else {
    current->load.one_signal();
  }
  errno = interrupted_errno;
}

// What is interrupted: plain calls over the same sizes, whose refills and flushes the handler meets half done.
void one_round(Worker& self) {
  constexpr size_t kDeepest = 64;
  void* objects[kDeepest];
  const size_t count = 1 + self.random.below(kDeepest);
  for (size_t i = 0; i < count; i++) {
    objects[i] = malloc((size_t{8} << self.random.below(10)) + 1 + self.random.below(4096));
    if (objects[i] == nullptr) fail("malloc returned NULL");
    *static_cast<void**>(objects[i]) = objects[i];
    self.steps.fetch_add(1, std::memory_order_relaxed);
  }
  for (size_t i = 0; i < count; i++) {
    if (*static_cast<void**>(objects[i]) != objects[i]) fail("an object of interrupted code was overwritten");
    free(objects[i]);
    self.steps.fetch_add(1, std::memory_order_relaxed);
  }
}

void work_under_fire(Worker& worker, long hertz) {
  current = &worker;
  const ThreadTimer timer(SIGALRM, period_of(hertz));
  while (!over.load(std::memory_order_relaxed)) one_round(worker);  // relaxed: only the time of stopping
}

void install_handler() {
  struct sigaction action = {};
  action.sa_handler = on_timer;
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, nullptr);
}

struct Duration {
  double seconds, cpu_seconds;
};

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// How long it took. Threads that are gone have no signals left, so what they hold can be freed here.
Duration storm_for(std::chrono::milliseconds length, long hertz) {
  const auto begin = std::chrono::steady_clock::now();
  const double cpu_begin = cpu_seconds();
  over.store(false, std::memory_order_relaxed);
  std::thread threads[kThreads];
  for (size_t i = 0; i < kThreads; i++) threads[i] = std::thread(work_under_fire, std::ref(workers[i]), hertz);
  std::this_thread::sleep_for(length);
  over.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads) thread.join();
  const double cpu_time = cpu_seconds() - cpu_begin;
  for (Worker& worker : workers) worker.load.release_all();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), cpu_time};
}

struct Sums {
  uint64_t signals = 0, too_soon = 0, attempts = 0, failures = 0;

  static Sums of_all() {
    Sums sums;
    for (const Worker& worker : workers) {
      sums.signals += worker.signals;
      sums.too_soon += worker.too_soon;
      sums.attempts += worker.load.attempts;
      sums.failures += worker.load.failures;
    }
    return sums;
  }

  uint64_t handled() const { return signals - too_soon; }

  Sums operator-(const Sums& other) const {
    return {signals - other.signals, too_soon - other.too_soon, attempts - other.attempts, failures - other.failures};
  }
};

double rate_of(const Sums& sums, const Duration& took) {
  return static_cast<double>(sums.handled()) / took.cpu_seconds;
}

void print(const Log& log, const char* part, const Sums& sums, const Duration& took) {
  const double tried = sums.attempts == 0 ? 1 : static_cast<double>(sums.attempts);
  log.line("%s: %lu signals (%.0f a second), %lu of them too soon after the last", part, sums.signals,
           static_cast<double>(sums.signals) / took.seconds, sums.too_soon);
  log.line("  %lu handlers did their work: %.0f a second, %.0f for each second of CPU time", sums.handled(),
           static_cast<double>(sums.handled()) / took.seconds, rate_of(sums, took));
  log.line("  %lu strict allocations, %lu returned NULL: %.5f %% succeeded", sums.attempts, sums.failures,
           100 * (1 - static_cast<double>(sums.failures) / tried));
}

void require_explained(const Sums& sums, const reslab_stats& before, const reslab_stats& after) {
  const uint64_t counted = after.nolock_failures - before.nolock_failures;
  if (counted != sums.failures) fail("%lu allocations returned NULL, nolock_failures says %lu", sums.failures, counted);
}

void require_success(const Sums& sums, const Settings& settings) {
  if (sums.failures * 1'000'000 > sums.attempts * settings.allowed) {
    fail("%lu of %lu strict allocations returned NULL; %lu of a million may", sums.failures, sums.attempts,
         settings.allowed);
  }
  if (sums.failures < settings.least_failures) fail("only %lu allocations returned NULL", sums.failures);
}

void require_storm(const Sums& sums, const Duration& took) {
  if (rate_of(sums, took) >= kLeastRate) return;
  fail("%.0f handlers did their work for each second of CPU time, fewer than %.0f: no storm", rate_of(sums, took),
       kLeastRate);
}

unsigned seconds_of(const Arguments& arguments) {
  constexpr unsigned kQuick = 5;
  if (arguments.has("--quick")) return kQuick;
  const uint64_t seconds =
      arguments.has("--minutes") ? 60 * arguments.number("--minutes", 1) : arguments.number("--seconds", kQuick);
  return static_cast<unsigned>(seconds);
}

int run(const Settings& settings) {
  static Ledger start, before, after;  // too large for a stack
  storm::require_malloc_in_mode(settings.mode);
  install_handler();
  for (size_t i = 0; i < kThreads; i++) {
    workers[i].load.start(settings.seed * 1000 + i, settings.sizes);
    workers[i].random = Random(settings.seed * 1000 + 500 + i);
  }
  settings.log.line(
      "mode %s, seed %lu, %zu sizes in a signal, %ld signals a second asked for on each of %zu threads, %u seconds",
      settings.mode, settings.seed, settings.sizes, settings.hertz, kThreads, settings.seconds);
  start.take();
  const Duration first_took = storm_for(std::chrono::milliseconds(300), settings.hertz);
  const Sums first = Sums::of_all();
  before.take();  // what libc keeps for threads that have ended is there from now on
  const Duration took = storm_for(std::chrono::seconds(settings.seconds), settings.hertz);
  const Sums all = Sums::of_all();
  after.take();

  print(settings.log, "the first 0.3 seconds", first, first_took);
  print(settings.log, "after that", all - first, took);
  print_routes(settings.log, (all - first).attempts - (all - first).failures, before.stats(), after.stats());
  require_explained(first, start.stats(), before.stats());
  require_explained(all - first, before.stats(), after.stats());
  expect_sound_heap("with all objects freed");
  after.expect_same(before, "with all objects freed");
  require_storm(all - first, took);
  require_success(all, settings);
  settings.log.line("ok");
  return 0;
}

}  // namespace
}  // namespace nolock

int main(int argc, char** argv) {
  static constexpr support::Option kOptions[] = {
      support::kModeOption,
      {"--seconds", "N", "how long (default 5)"},
      {"--quick", nullptr, "five seconds"},
      {"--minutes", "M", "how long"},
      {"--hertz", "N", "signals a second for each thread (default 20000)"},
      {"--sizes", "N", "of how many sizes the objects of one signal are (default 8)"},
      {"--allowed", "N", "of a million allocations so many may return NULL (default 100)"},
      {"--least-failures", "N", "fail unless so many return NULL (default 0)"},
      support::kSeedOption,
      support::kLogOption,
  };
  const support::Arguments arguments(argc, argv, "How often strict nolock allocations succeed under a storm.",
                                     kOptions);
  const nolock::Settings settings = {.mode = arguments.required("--mode"),
                                     .seconds = nolock::seconds_of(arguments),
                                     .hertz = static_cast<long>(arguments.number("--hertz", 20'000)),
                                     .sizes = arguments.number("--sizes", 8),
                                     .seed = arguments.number("--seed", 1, 0),
                                     .allowed = arguments.number("--allowed", 100),
                                     .least_failures = arguments.number("--least-failures", 0, 0),
                                     .log = support::Log(arguments)};
  support::explain_the_end();
  support::start_watchdog(2 * settings.seconds + nolock::kGrace);
  if (settings.sizes > nolock::HandlerLoad::kMostSizes) {
    support::fail("--sizes: at most %zu", nolock::HandlerLoad::kMostSizes);
  }
  return nolock::run(settings);
}
