// SPDX-License-Identifier: Apache-2.0
// How long an allocation and a free take in a signal handler: reslab's nolock calls against the older way, to mask every
// signal around a lock (masked_allocator.h).
//
// A timer interrupts a program that allocates and frees all the time. In the handler each of the two serves a few pairs,
// and every call is timed by the time-stamp counter. Who goes first alternates: the first to run in a handler finds the
// caches as the kernel left them.
//
//   latency rseq|fallback SECONDS [LEAST]
//
// A line for each allocator and call tells the distribution in ticks, the clock's own cost taken off; another one how
// many times nolock is ahead at the median. Exit status 1 when that is less than LEAST, for allocations or for frees.
#include <reslab/reslab.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cerrno>

#include "masked_allocator.h"
#include "ticks.h"

namespace latency {
namespace {

constexpr int kSignal = SIGALRM;
constexpr long kPeriodNs = 100'000;
constexpr int kPairs = 8;     // in each handler, for each allocator
constexpr size_t kHeld = 16;  // objects that are live between a handler's allocation and its free
constexpr int kCalls = 4;

enum Call { kNolockAlloc, kNolockFree, kMaskedAlloc, kMaskedFree };
constexpr const char* kNames[kCalls] = {"nolock_alloc", "nolock_free", "masked_alloc", "masked_free"};

// What the handler writes and the main program reads when the timer is gone.
Samples all[kCalls];
Samples first[kCalls];  // of these, the first of its kind in its handler
uint64_t nolock_failures;
MaskedAllocator masked;
void* held_nolock[kHeld];
void* held_masked[kHeld];
size_t handlers;

void record(Call call, int pair, uint64_t ticks) {
  all[call].add(ticks);
  if (pair == 0) first[call].add(ticks);
}

size_t bytes_of(size_t number) { return size_t{16} << number % 5; }  // 16 to 256

void time_nolock() {
  for (int pair = 0; pair < kPairs; ++pair) {
    void*& place = held_nolock[(handlers * kPairs + static_cast<size_t>(pair)) % kHeld];
    const uint64_t before_free = ticks_before();
    reslab_free_nolock(place);
    const uint64_t after_free = ticks_after();
    if (place != nullptr) record(kNolockFree, pair, after_free - before_free);
    const size_t bytes = bytes_of(handlers + static_cast<size_t>(pair));
    const uint64_t before = ticks_before();
    place = reslab_malloc_nolock(bytes, 0);
    record(kNolockAlloc, pair, ticks_after() - before);
    if (place == nullptr) ++nolock_failures;
  }
}

void time_masked() {
  for (int pair = 0; pair < kPairs; ++pair) {
    void*& place = held_masked[(handlers * kPairs + static_cast<size_t>(pair)) % kHeld];
    if (place != nullptr) {
      const uint64_t before = ticks_before();
      masked.release(place);
      record(kMaskedFree, pair, ticks_after() - before);
    }
    const uint64_t before = ticks_before();
    place = masked.allocate();
    record(kMaskedAlloc, pair, ticks_after() - before);
  }
}

void on_timer(int) {
  if (handlers % 2 == 0) {
    time_nolock();
    time_masked();
  } else {
    time_masked();
    time_nolock();
  }
  ++handlers;
}

// What the handlers interrupt: the allocator at work.
void allocate_for(long seconds) {
  timespec now, end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += seconds;
  do {
    void* objects[64];
    for (size_t i = 0; i < 64; ++i) objects[i] = malloc(bytes_of(i));
    for (void* const object : objects) free(object);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

[[noreturn]] void refuse(const char* what) {
  fprintf(stderr, "latency: FAILED: %s\n", what);
  exit(2);
}

void interrupt_for(long seconds) {
  struct sigaction action = {};
  action.sa_handler = on_timer;
  action.sa_flags = SA_RESTART;
  sigaction(kSignal, &action, nullptr);
  sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = kSignal;
  const itimerspec period = {{0, kPeriodNs}, {0, kPeriodNs}};
  timer_t timer;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &period, nullptr) != 0) {
    refuse("this system gives no timer");
  }
  allocate_for(seconds);
  timer_delete(timer);
}

void require_mode(const char* mode) {
  free(malloc(1));  // the mode is decided by the first allocation
  reslab_status status = {};
  reslab_get_status(&status, sizeof status);
  const uint32_t expected = strcmp(mode, "rseq") == 0 ? RESLAB_MODE_RSEQ : RESLAB_MODE_FALLBACK;
  if (status.mode != expected) refuse("reslab does not run in the mode that was asked for");
}

void print(const char* which, Samples (&samples)[kCalls], uint64_t clock) {
  for (int call = 0; call < kCalls; ++call) {
    samples[call].sort();
    const auto at = [&](size_t permille) {
      const uint64_t ticks = samples[call].at_permille(permille);
      return static_cast<unsigned long long>(ticks > clock ? ticks - clock : 0);
    };
    printf("%s %s count=%zu p50=%llu p99=%llu p999=%llu max=%llu\n", which, kNames[call], samples[call].count(),
           at(500), at(990), at(999), at(1000));
  }
}

// At the median of all calls. A median of less than a tick counts as one.
double times_ahead(Call nolock, Call other, uint64_t clock) {
  const uint64_t mine = all[nolock].at_permille(500);
  const uint64_t theirs = all[other].at_permille(500);
  return static_cast<double>(theirs - std::min(theirs, clock)) / static_cast<double>(mine > clock ? mine - clock : 1);
}

int run(const char* mode, long seconds, double least) {
  require_mode(mode);
  const uint64_t clock = ticks_of_nothing();
  interrupt_for(seconds);
  if (handlers < 1000) refuse("fewer than 1,000 handlers ran: nothing was measured");

  printf("mode=%s handlers=%zu nolock_failures=%llu clock=%llu\n", mode, handlers,
         static_cast<unsigned long long>(nolock_failures), static_cast<unsigned long long>(clock));
  print("all", all, clock);
  print("first", first, clock);
  const double alloc = times_ahead(kNolockAlloc, kMaskedAlloc, clock);
  const double free = times_ahead(kNolockFree, kMaskedFree, clock);
  printf("ahead alloc=%.1f free=%.1f\n", alloc, free);
  if (alloc >= least && free >= least) return 0;
  fprintf(stderr, "latency: FAILED: nolock is %.1f and %.1f times ahead at the median, %.1f is asked for\n", alloc,
          free, least);
  return 1;
}

}  // namespace
}  // namespace latency

int main(int argc, char** argv) {
  char* rest = nullptr;
  const bool has_mode = argc >= 3 && argc <= 4 && (strcmp(argv[1], "rseq") == 0 || strcmp(argv[1], "fallback") == 0);
  const long seconds = has_mode ? strtol(argv[2], &rest, 10) : 0;
  if (seconds < 1 || seconds > 3600 || *rest != '\0') {
    fprintf(stderr, "usage: latency rseq|fallback SECONDS [LEAST]\n");
    return 2;
  }
  return latency::run(argv[1], seconds, argc == 4 ? strtod(argv[3], nullptr) : 0);
}
