// SPDX-License-Identifier: Apache-2.0
#include "failure.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <atomic>

namespace support {
namespace {

char scene_text[256];
const char* volatile stage_text = "";
volatile pid_t watched_child;
std::atomic<void (*)()> last_deed;
std::atomic<pid_t> reporter;

// Relaxed: who comes second publishes nothing and reads nothing. A handler on the very thread that reports must not wait
// for it; what there was to say has been said, since signals are blocked meanwhile.
void only_one_reports(const sigset_t& mask_before) {
  pid_t first = 0;
  if (reporter.compare_exchange_strong(first, gettid(), std::memory_order_relaxed)) return;
  if (first == gettid()) _exit(1);
  pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);  // whoever reports may ask for our backtrace
  for (;;) pause();                                     // ends with the process
}

// vsnprintf of what tests say, words and numbers, allocates nothing.
[[noreturn]] void report_and_end(const char* format, va_list arguments) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  only_one_reports(before);
  char what[640], line[1024];
  vsnprintf(what, sizeof what, format, arguments);
  snprintf(line, sizeof line, "%.100s: FAILED: %s%s%s\n", program_invocation_short_name, scene_text,
           scene_text[0] != '\0' ? ": " : "", what);
  if (write(STDERR_FILENO, line, strlen(line)) < 0) _exit(1);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (watched_child > 0) kill(watched_child, SIGKILL);
  if (void (*deed)() = last_deed.load(std::memory_order_relaxed)) deed();
  _exit(1);
}

void on_time_over(int) { fail("a hang%s%s", stage_text[0] != '\0' ? ", while " : "", stage_text); }

}  // namespace

void fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report_and_end(format, arguments);
}

void expect(bool holds, const char* format, ...) {
  if (holds) return;
  va_list arguments;
  va_start(arguments, format);
  report_and_end(format, arguments);
}

void set_scene(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(scene_text, sizeof scene_text, format, arguments);
  va_end(arguments);
}

void limit_time(unsigned seconds, pid_t child) {
  watched_child = child;
  signal(SIGALRM, on_time_over);
  alarm(seconds);
}

void set_stage(const char* words) { stage_text = words; }

void set_last_deed(void (*deed)()) { last_deed.store(deed, std::memory_order_relaxed); }

}  // namespace support
