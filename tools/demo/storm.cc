// SPDX-License-Identifier: Apache-2.0
// A storm of signals for a program that knows nothing of it: what happens when a signal handler reaches malloc and free.
//
//   LD_PRELOAD=libreslab-storm.so PROGRAM
//
// A timer interrupts the program's main thread 4,000 times a second, and the handler writes a log line and keeps the last
// few. Redis did so when it was told to stop (redis#213): a log line needs the local time, and while TZ is not set
// localtime() frees and copies the name of the zone file at each call. The signal had found the thread in malloc, and
// free() waited for ever for a lock that its own thread held.
//
// Two things are kept out because no malloc can mend them. The program has to be one that calls neither localtime() nor
// stdio: these have locks of their own, and the handler would be stuck in libc. And a handler does not interrupt itself.
//
// A thread of this library watches. It allocates nothing, and no signal interrupts it. It also makes the process one of two
// threads, as servers are: while there is only one a libc may leave its locks alone, and then the same storm damages its
// heap.
//
// All that is said goes to standard error. Exit status: the program's own, or one of these. A crash is not caught: it ends
// the program as it would end any.

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "malloc_code.h"
#include "without_heap.h"

namespace {

// Past the values of errno, with which a program may end by itself.
constexpr int kNoStorm = 200;
constexpr int kDamaged = 201;
constexpr int kStuck = 202;

constexpr int kLogSignal = SIGPROF;  // two that programs leave alone
constexpr int kTraceSignal = SIGUSR2;
constexpr long kCalmNs = 500'000'000;  // before the first signal, so that they find the program at its work
constexpr long kSignalPeriodNs = 250'000;
constexpr int kLooksPerSecond = 20;
constexpr int kStuckAfterSeconds = 3;  // a handler that takes so long does not return
constexpr unsigned long kKeptLines = 64;
constexpr size_t kStampLength = 15;  // "02 Jan 15:04:05"

// relaxed, all three: counts that are looked at, and a time to stop; nothing is read through them.
std::atomic<unsigned long> signals{0};
std::atomic<unsigned long> signals_in_malloc{0};  // that interrupted the library malloc comes from
std::atomic<bool> finished{false};

pthread_t program;  // its main thread
timer_t timer;
long begin_ms;

struct LogLine {
  size_t length;
  char text[256];
};
LogLine* kept_lines[kKeptLines];  // touched by the handler only

[[noreturn]] void fail(int status, const char* what) {
  say("%s\n", what);
  _exit(status);
}

bool is_intact(const LogLine& line) {
  for (size_t i = kStampLength; i < line.length; ++i) {
    if (line.text[i] != '.') return false;
  }
  return true;
}

}  // namespace

// The handlers have C names, which a stack trace can show.
extern "C" void log_from_handler(int, siginfo_t*, void* interrupted) {
  const int saved_errno = errno;
  const unsigned long number = signals.fetch_add(1, std::memory_order_relaxed);
  if (interrupted_malloc_code(*static_cast<ucontext_t*>(interrupted))) {
    signals_in_malloc.fetch_add(1, std::memory_order_relaxed);
  }
  const time_t now = time(nullptr);
  char stamp[kStampLength + 1];
  if (strftime(stamp, sizeof stamp, "%d %b %H:%M:%S", localtime(&now)) != kStampLength) fail(kDamaged, "no time");

  const size_t length = kStampLength + number * 37 % 200;  // lines differ in length, as real ones do
  auto* line = static_cast<LogLine*>(malloc(offsetof(LogLine, text) + length));
  if (line == nullptr) fail(kDamaged, "malloc has no memory for a log line");
  line->length = length;
  memset(line->text, '.', length);
  memcpy(line->text, stamp, kStampLength);

  LogLine*& kept = kept_lines[number % kKeptLines];
  if (kept != nullptr && !is_intact(*kept)) fail(kDamaged, "a log line was overwritten");
  free(kept);
  kept = line;
  errno = saved_errno;
}

extern "C" void show_stack_and_exit(int, siginfo_t*, void*) {
  say_stack_trace();
  _exit(kStuck);
}

namespace {

void handle(int signal, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  sigaction(signal, &action, nullptr);
}

// Lets the program say where it is, from a handler; does not return.
[[noreturn]] void show_where_stuck() {
  say("the signal handler does not return; the stack, innermost call first:\n");
  handle(kTraceSignal, show_stack_and_exit);
  pthread_kill(program, kTraceSignal);
  sleep(1);
  fail(kStuck, "  (the thread does not answer)");
}

long now_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

void say_counts() {
  const long tenths = (now_ms() - begin_ms) / 100;
  say("%2ld.%ld s: %6lu signals, %6lu inside malloc's library\n", tenths / 10, tenths % 10,
      signals.load(std::memory_order_relaxed), signals_in_malloc.load(std::memory_order_relaxed));
}

void* watch(void*) {
  unsigned long seen = 0;
  int looks_without_signal = 0;
  for (long look = 1; !finished.load(std::memory_order_relaxed); ++look) {
    usleep(1'000'000 / kLooksPerSecond);
    const unsigned long handled = signals.load(std::memory_order_relaxed);
    looks_without_signal = handled == seen ? looks_without_signal + 1 : 0;
    seen = handled;
    if (looks_without_signal == kStuckAfterSeconds * kLooksPerSecond) show_where_stuck();
    if (look % kLooksPerSecond == 0) say_counts();
  }
  return nullptr;
}

// What allocates in this is done before the first signal.
void start_watching() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  pthread_t watcher;
  const int error = pthread_create(&watcher, nullptr, watch, nullptr);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) fail(kNoStorm, "reslab-storm: this system gives no thread");
}

void start_signals() {
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;  // the signals are for this thread and no other
  event.sigev_signo = kLogSignal;
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
  const itimerspec period = {{0, kSignalPeriodNs}, {0, kCalmNs}};
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &period, nullptr) != 0) {
    fail(kNoStorm, "reslab-storm: this system gives no timer");
  }
}

}  // namespace

[[gnu::constructor]] static void begin_storm() {
  program = pthread_self();
  begin_ms = now_ms();
  prepare_stack_trace();
  find_malloc_code();
  tzset();  // reads the zone file, through stdio: the handler only looks whether it is still the same
  handle(kLogSignal, log_from_handler);
  start_watching();
  start_signals();
}

// When the program has called exit.
[[gnu::destructor]] static void end_storm() {
  finished.store(true, std::memory_order_relaxed);
  timer_delete(timer);
  say_counts();
}
