// SPDX-License-Identifier: Apache-2.0
#include "backtraces.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failure.h"

namespace support {
namespace {

constexpr int kFatalSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr size_t kStackBytes = 64 << 10;
alignas(16) char fatal_stack[kStackBytes];

void say(const char* text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(1);
}

// Its output goes where ours does; it must not run under the allocator under test.
[[noreturn]] void become_debugger(pid_t process) {
  char target[16];
  snprintf(target, sizeof target, "%d", process);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  unsetenv("LD_PRELOAD");
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execlp("gdb", "gdb", "--nx", "--quiet", "--batch", "-p", target, "-ex", "thread apply all backtrace 40",
         static_cast<char*>(nullptr));
  say("no backtraces: gdb is not installed\n");
  _exit(0);
}

void print_backtraces(pid_t process) {
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);  // gdb is no ancestor of ours: some systems ask for leave
  const pid_t debugger = _Fork();
  if (debugger == 0) become_debugger(process);
  if (debugger > 0) waitpid(debugger, nullptr, 0);
}

void print_own_backtraces() { print_backtraces(getpid()); }

void report_fatal_signal(int signal_number, siginfo_t* info, void*) {
  fail("killed by SIG%s, address %p", sigabbrev_np(signal_number), info->si_addr);
}

}  // namespace

void explain_the_end() {
  set_last_deed(print_own_backtraces);
  const stack_t stack = {.ss_sp = fatal_stack, .ss_flags = 0, .ss_size = kStackBytes};
  sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = report_fatal_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  for (const int signal_number : kFatalSignals) sigaction(signal_number, &action, nullptr);
}

void start_watchdog(unsigned seconds) {
  const pid_t watched = getpid();
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  const pid_t watchdog = _Fork();
  if (watchdog < 0) fail("cannot fork the watchdog: %s", strerrordesc_np(errno));
  if (watchdog > 0) return;

  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != watched) _exit(0);  // it ended before the line above
  for (unsigned left = seconds; left > 0;) left = sleep(left);
  char line[192];
  snprintf(line, sizeof line, "%.100s: FAILED: still running after %u seconds: a hang\n", program_invocation_short_name,
           seconds);
  say(line);
  print_backtraces(watched);
  kill(watched, SIGKILL);
  _exit(1);
}

}  // namespace support
