// SPDX-License-Identifier: Apache-2.0
// Logging from signal handlers, without a ring buffer of a fixed size that overflows when it matters.
//
//   handler_logger FILE SECONDS [HERTZ]
//
// What one learns here: a handler makes a record of just the length it needs (reslab_malloc_nolock), hands it to another
// thread without waiting for anybody (log.h), and that thread frees it by the ordinary free. Two threads work, each
// struck HERTZ times a second (1000 unless said) by a timer whose handler logs a line that says which of its signals it is:
//
//   thread 1 signal 17 overrun 0: xxxxxxxx
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>

#include "log.h"

namespace handler_logger {
namespace {

constexpr int kThreads = 2;
constexpr int kSignal = SIGALRM;
constexpr unsigned kLongestTail = 700;

Log* the_log = nullptr;
std::atomic<bool> ending{false};
thread_local int number_of_thread = 0;
thread_local uint64_t signals = 0;
std::atomic<uint64_t> all_signals{0};

// glibc's snprintf takes no lock for numbers and plain text; it may allocate, which is what we are here for.
void log_signal(int, siginfo_t* info, void*) {
  const int interrupted_errno = errno;
  char line[128 + kLongestTail];
  const uint64_t number = signals++;
  const int length = snprintf(line, sizeof line, "thread %d signal %" PRIu64 " overrun %d: ", number_of_thread, number,
                              info->si_overrun);
  const size_t tail = number * 31 % kLongestTail;
  memset(line + length, 'x', tail);
  line[static_cast<size_t>(length) + tail] = '\n';
  the_log->say(line, static_cast<size_t>(length) + tail + 1);
  errno = interrupted_errno;
}

// What is interrupted: the allocator at work, at any instruction of it.
void work(int number, long hertz) {
  number_of_thread = number;
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = kSignal;
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
  timer_t timer;
  const timespec period = {1 / hertz, 1'000'000'000 / hertz % 1'000'000'000};
  const itimerspec schedule = {period, period};
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &schedule, nullptr) != 0) {
    perror("handler_logger: timer");
    exit(1);
  }
  while (!ending.load(std::memory_order_relaxed)) {
    std::map<std::string, std::string> table;
    for (size_t i = 0; i < 500; i++) table["key " + std::to_string(i * 7919)] = std::string(i % 200, 'v');
  }
  timer_delete(timer);
  all_signals.fetch_add(signals, std::memory_order_relaxed);
}

void run(long seconds, long hertz) {
  struct sigaction action = {};
  action.sa_sigaction = log_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(kSignal, &action, nullptr);
  std::thread threads[kThreads];
  for (int i = 0; i < kThreads; i++) threads[i] = std::thread(work, i, hertz);
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  ending.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads) thread.join();
}

long number(const char* text, long most) {
  char* rest;
  const long value = strtol(text, &rest, 10);
  if (*rest == '\0' && value >= 1 && value <= most) return value;
  fprintf(stderr, "handler_logger: %s is not a number from 1 to %ld\n", text, most);
  exit(2);
}

}  // namespace
}  // namespace handler_logger

int main(int argc, char** argv) {
  using namespace handler_logger;
  if (argc < 3 || argc > 4) {
    fprintf(stderr, "usage: handler_logger FILE SECONDS [HERTZ]\n");
    return 2;
  }
  const long seconds = number(argv[2], 3600);
  const long hertz = argc == 4 ? number(argv[3], 20'000) : 1000;
  const int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) {
    perror(argv[1]);
    return 1;
  }
  Log log(fd);
  the_log = &log;
  run(seconds, hertz);
  log.finish();
  printf("signals=%" PRIu64 " written=%" PRIu64 " lost=%" PRIu64 "\n", all_signals.load(), log.written(), log.lost());
  return close(fd) == 0 && log.lost() == 0 ? 0 : 1;
}
