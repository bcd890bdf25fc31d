// SPDX-License-Identifier: Apache-2.0
// A plain program under a storm of signals whose handlers call malloc and free: run_storm.py puts it to one allocator
// after the other by LD_PRELOAD. It knows none of them.
//
//   storm_worker SECONDS [THREADS [HERTZ]]      (HERTZ 0: no signals)
//
// Each thread allocates, checks and frees objects; a timer of its own interrupts it, and the handler does the same, and
// objects change hands between threads and handlers. Neither calls anything of libc besides malloc and free, whose locks
// would be another's matter. The first thread allocates nothing once the storm is on: it watches the others.
//
// It prints which library answers to malloc, in which of reslab's modes, and that it begins, then how it ended:
// "survived", "hang" (a thread has not moved for two seconds) or "damage" (an object holds something else than was written
// there), with the seconds that the storm lasted and the signals handled; the exit status is 0, kHang or kDamage. A crash
// ends it as it ends any program.
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "objects.h"
#include "which_malloc.h"

namespace {

constexpr int kDamage = 3;
constexpr int kHang = 4;
constexpr long kMaxThreads = 64;
constexpr long kLookNs = 5'000'000;
constexpr int kHangLooks = 400;  // two seconds, and more on a machine that stands still for a while
constexpr int kMaxBatch = 48;
constexpr int kHandlerSteps = 6;
constexpr int kStormSignal = SIGALRM;

struct alignas(64) Worker {
  pthread_t thread;
  std::atomic<uint64_t> rounds{0};  // its progress; what the handler does is none
  std::atomic<uint64_t> signals{0};
  Random random{1};
  Random handler_random{2};  // of its own: the order of the interrupted code's draws stays as it is
};
Worker workers[kMaxThreads];
thread_local Worker* current = nullptr;
pthread_barrier_t everyone_is_here;
double begin_seconds;  // when the storm began

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

uint64_t signals_so_far() {
  uint64_t sum = 0;
  for (const Worker& worker : workers) sum += worker.signals.load(std::memory_order_relaxed);
  return sum;
}

// Past stdio and past exit handlers: whoever comes here may have interrupted anything. The first one speaks.
[[noreturn]] void end(const char* how, double at, int status) {
  static std::atomic<bool> ending;
  if (ending.exchange(true, std::memory_order_relaxed)) {
    for (;;) pause();
  }
  char line[160];
  const int length = snprintf(line, sizeof line, "%s seconds=%.3f signals=%llu\n", how, at - begin_seconds,
                              static_cast<unsigned long long>(signals_so_far()));
  if (write(STDOUT_FILENO, line, static_cast<size_t>(length)) < 0) _exit(1);
  _exit(status);
}

void require_intact(const Object* object) {
  if (!object->is_intact()) end("damage", now(), kDamage);
}

void release(Object* object) {
  if (object == nullptr) return;
  require_intact(object);
  object->scrub();
  free(object);
}

Object* allocate(Random& random) {
  const size_t bytes = random.object_bytes();
  auto* object = static_cast<Object*>(malloc(bytes));
  if (object == nullptr) end("damage", now(), kDamage);  // nothing here is short of memory
  object->fill(bytes);
  return object;
}

// Whoever draws a slot owns what was in it: no two threads or handlers ever have the same object.
std::atomic<Object*> slots[1024];
void exchange(Random& random) { release(slots[random.below(1024)].exchange(allocate(random))); }

void on_signal(int) {
  Worker& self = *current;
  self.signals.fetch_add(1, std::memory_order_relaxed);
  for (int step = 0; step < kHandlerSteps; ++step) exchange(self.handler_random);
}

void one_round(Worker& self) {
  Object* batch[kMaxBatch];
  const size_t count = 1 + self.random.below(kMaxBatch);
  for (size_t i = 0; i < count; ++i) batch[i] = allocate(self.random);
  for (size_t i = 0; i < count; ++i) release(batch[i]);
  for (int step = 0; step < kHandlerSteps; ++step) exchange(self.random);
  self.rounds.fetch_add(1, std::memory_order_relaxed);
}

[[noreturn]] void refuse(const char* what) {
  fprintf(stderr, "storm_worker: %s\nusage: storm_worker SECONDS [THREADS [HERTZ]]   (HERTZ 0: no signals)\n", what);
  exit(2);
}

void start_timer(long hertz) {
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = kStormSignal;
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
  const itimerspec period = {{0, 1'000'000'000 / hertz}, {0, 1'000'000'000 / hertz}};
  timer_t timer;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &period, nullptr) != 0) {
    refuse("this system gives no timer");
  }
}

long storm_hertz;

void* work(void* argument) {
  current = static_cast<Worker*>(argument);
  pthread_barrier_wait(&everyone_is_here);
  if (storm_hertz > 0) start_timer(storm_hertz);
  for (;;) one_round(*current);
}

// A thread that has not moved for kHangLooks never will: a round takes microseconds, and the machine would have to be some
// thousand times overloaded. All have survived when each has moved once more after the time was over.
void watch(double seconds, long threads) {
  uint64_t seen[kMaxThreads] = {};
  int still[kMaxThreads] = {};
  double moved[kMaxThreads];
  for (double& time : moved) time = begin_seconds;
  const double over = begin_seconds + seconds;
  for (long survivors = 0; survivors < threads;) {
    const timespec pause = {0, kLookNs};
    nanosleep(&pause, nullptr);
    const double time = now();
    survivors = 0;
    for (long i = 0; i < threads; ++i) {
      const uint64_t rounds = workers[i].rounds.load(std::memory_order_relaxed);
      if (rounds != seen[i]) moved[i] = time;
      still[i] = rounds == seen[i] ? still[i] + 1 : 0;
      seen[i] = rounds;
      if (still[i] == kHangLooks) end("hang", moved[i], kHang);
      if (moved[i] > over) ++survivors;
    }
  }
  end("survived", now(), 0);
}

long number(const char* text, long least, long most) {
  char* rest;
  const long value = strtol(text, &rest, 10);
  if (*rest != '\0' || value < least || value > most) refuse("a number is out of range");
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) refuse("one to three arguments are expected");
  const long seconds = number(argv[1], 1, 86'400);
  const long threads = argc > 2 ? number(argv[2], 1, kMaxThreads) : 4;
  storm_hertz = argc > 3 ? number(argv[3], 0, 100'000) : 10'000;

  printf("malloc=%s reslab_mode=%s\n", owner_of_malloc(), reslab_mode());
  fflush(stdout);

  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(kStormSignal, &action, nullptr);
  pthread_barrier_init(&everyone_is_here, nullptr, static_cast<unsigned>(threads) + 1);
  for (long i = 0; i < threads; ++i) {
    workers[i].random = Random(static_cast<uint64_t>(2 * i + 1));
    workers[i].handler_random = Random(static_cast<uint64_t>(2 * i + 2));
    if (pthread_create(&workers[i].thread, nullptr, work, &workers[i]) != 0) refuse("this system gives no thread");
  }
  begin_seconds = now();
  pthread_barrier_wait(&everyone_is_here);
  watch(static_cast<double>(seconds), threads);
}
