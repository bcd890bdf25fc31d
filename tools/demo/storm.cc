// SPDX-License-Identifier: Apache-2.0
// A small server under a storm of signals: what happens when a signal handler reaches malloc and free.
//
//   reslab-storm SECONDS
//
// One thread, the server, does what programs do all day: it fills a table with strings, checks them and throws them
// away. A timer interrupts it 4,000 times a second, and the handler writes a log line and keeps the last few. Redis
// did so when it was told to stop (redis#213): a log line needs the local time, and while TZ is not set localtime()
// frees and copies the name of the zone file at each call. The signal had found the thread in malloc, and free()
// waited for ever for a lock that its own thread held.
//
// Two things are kept out because no malloc can mend them. The threads that fill tables call neither localtime() nor
// stdio: these have locks of their own, and the handler would be stuck in libc. And a handler does not interrupt
// itself.
//
// A second thread fills tables undisturbed, since a libc may do without its locks while there is only one. The main
// thread allocates nothing: it watches the two.
//
// Exit status: 0 when both threads worked to the end, 1 for a bad argument or a system without timers, kDamaged,
// kStuck. A crash is not caught: it ends the program as it would end any.

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
#include <string>
#include <unordered_map>

#include "malloc_code.h"
#include "without_heap.h"

namespace {

constexpr int kDamaged = 3;
constexpr int kStuck = 4;
constexpr int kLogSignal = SIGALRM;
constexpr int kTraceSignal = SIGUSR2;
constexpr long kSignalPeriodNs = 250'000;
constexpr int kLooksPerSecond = 20;
constexpr int kStuckAfterSeconds = 3;  // without a finished table, which takes a millisecond
constexpr unsigned long kTableEntries = 2000;
constexpr unsigned long kKeptLines = 64;
constexpr size_t kStampLength = 15;  // "02 Jan 15:04:05"

// All three threads meet here before the first signal: making a thread allocates, and from then on main must not.
pthread_barrier_t everyone_is_here;
std::atomic<bool> finished{false};
std::atomic<unsigned long> signals{0};
std::atomic<unsigned long> signals_in_malloc{0};  // that interrupted the library malloc comes from

struct Worker {
  const char* name;
  pthread_t thread;
  std::atomic<unsigned long> tables;  // its progress
};
Worker server = {"server", {}, {0}};
Worker background = {"background", {}, {0}};

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

std::string value_of(unsigned long key) { return std::string(key % 300, static_cast<char>('a' + key % 26)); }

}  // namespace

// This function and the handlers have C names, which a stack trace can show.
extern "C" void fill_and_check_table(unsigned long round) {
  std::unordered_map<std::string, std::string> table;
  for (unsigned long i = 0; i < kTableEntries; ++i) {
    const unsigned long key = (round * kTableEntries + i) * 0x9E3779B97F4A7C15U >> 20;  // scattered: sizes in no order
    table["session:" + std::to_string(key)] = value_of(key);
  }
  for (const auto& [name, value] : table) {
    const unsigned long key = std::stoul(name.substr(strlen("session:")));
    if (value != value_of(key)) fail(kDamaged, "a table holds another string than was put in");
  }
}

namespace {

void fill_tables(Worker& self) {
  while (!finished.load(std::memory_order_relaxed)) {  // relaxed: only the time of stopping depends on it
    fill_and_check_table(self.tables.load(std::memory_order_relaxed));
    self.tables.fetch_add(1, std::memory_order_relaxed);  // a count that is looked at, nothing is read through it
  }
}

}  // namespace

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

void* run_server(void*) {
  pthread_barrier_wait(&everyone_is_here);
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;  // the signals are for this thread and no other
  event.sigev_signo = kLogSignal;
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
  const itimerspec period = {{0, kSignalPeriodNs}, {0, kSignalPeriodNs}};
  timer_t timer;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &period, nullptr) != 0) {
    fail(1, "reslab-storm: this system gives no timer");
  }
  fill_tables(server);
  timer_delete(timer);
  return nullptr;
}

void* run_background(void*) {
  pthread_barrier_wait(&everyone_is_here);
  fill_tables(background);
  return nullptr;
}

// Lets the thread say where it is, from a handler; does not return.
[[noreturn]] void show_where_stuck(const Worker& worker) {
  say("the %s thread stands still; its stack, innermost call first:\n", worker.name);
  pthread_kill(worker.thread, kTraceSignal);
  sleep(1);
  fail(kStuck, "  (the thread does not answer)");
}

void watch(long seconds) {
  Worker* const workers[] = {&server, &background};
  unsigned long seen_tables[2] = {};
  int looks_without_progress[2] = {};
  for (long look = 1; look <= seconds * kLooksPerSecond; ++look) {
    usleep(1'000'000 / kLooksPerSecond);
    for (int i = 0; i < 2; ++i) {
      const unsigned long tables = workers[i]->tables.load(std::memory_order_relaxed);
      looks_without_progress[i] = tables == seen_tables[i] ? looks_without_progress[i] + 1 : 0;
      seen_tables[i] = tables;
      if (looks_without_progress[i] == kStuckAfterSeconds * kLooksPerSecond) show_where_stuck(*workers[i]);
    }
    if (look % kLooksPerSecond == 0) {
      say("%2ld s: %6lu signals, %6lu inside malloc's library; %6lu and %6lu tables done\n", look / kLooksPerSecond,
          signals.load(std::memory_order_relaxed), signals_in_malloc.load(std::memory_order_relaxed), seen_tables[0],
          seen_tables[1]);
    }
  }
}

void wait_for(const Worker& worker) {
  timespec limit;
  clock_gettime(CLOCK_REALTIME, &limit);
  limit.tv_sec += kStuckAfterSeconds;
  if (pthread_timedjoin_np(worker.thread, nullptr, &limit) != 0) show_where_stuck(worker);
}

}  // namespace

int main(int argc, char** argv) {
  const long seconds = argc == 2 ? strtol(argv[1], nullptr, 10) : 0;
  if (seconds < 1 || seconds > 3600) fail(1, "usage: reslab-storm SECONDS (1 to 3600)");

  unsetenv("TZ");
  prepare_stack_trace();
  find_malloc_code();
  handle(kLogSignal, log_from_handler);
  handle(kTraceSignal, show_stack_and_exit);
  pthread_barrier_init(&everyone_is_here, nullptr, 3);
  if (pthread_create(&server.thread, nullptr, run_server, nullptr) != 0 ||
      pthread_create(&background.thread, nullptr, run_background, nullptr) != 0) {
    fail(1, "reslab-storm: this system gives no thread");
  }
  pthread_barrier_wait(&everyone_is_here);
  watch(seconds);
  finished.store(true, std::memory_order_relaxed);
  wait_for(server);
  wait_for(background);
  return 0;
}
