// SPDX-License-Identifier: Apache-2.0
#include "failure.h"

#include <signal.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace reentry {

Scene scene;

namespace {

// Formats on the stack and writes by one call: stdio's buffers are the harness's own, but its locks may be held.
void say(const char* what) {
  char line[1200];
  const int length =
      snprintf(line, sizeof line, "reentry: mode %s, seed %zu, %s, %s, step %zu, place 0x%zx, nested %s: %s\n",
               scene.mode, static_cast<size_t>(scene.seed), scene.operation, scene.way, static_cast<size_t>(scene.step),
               static_cast<size_t>(scene.place), scene.nested, what);
  const size_t bytes = static_cast<size_t>(length) < sizeof line ? static_cast<size_t>(length) : sizeof line - 1;
  if (write(STDERR_FILENO, line, bytes) < 0) _exit(1);
}

void on_fatal(int number, siginfo_t* info, void* context) {
  char what[128];
  const auto pc = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
  snprintf(what, sizeof what, "%s at pc 0x%zx, address %p", number == SIGALRM ? "it hangs" : strsignal(number),
           static_cast<size_t>(pc), info->si_addr);
  say(what);
  signal(number, SIG_DFL);
  if (number == SIGALRM) _exit(1);
}

}  // namespace

void fail(const char* format, ...) {
  char what[800];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  say(what);
  _exit(1);
}

void go_on_in_child() {
  constexpr unsigned kSeconds = 60;
  const pid_t child = fork();
  if (child == 0) return explain_fatal_signals(kSeconds);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) fail("no child process to be had");
  _exit(status == 0 ? 0 : 1);
}

void explain_fatal_signals(unsigned seconds) {
  struct sigaction action = {};
  action.sa_sigaction = on_fatal;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM}) sigaction(number, &action, nullptr);
  alarm(seconds);
}

}  // namespace reentry
