// SPDX-License-Identifier: Apache-2.0
// A crash reporter that need not be careful: its handler builds the whole report as one builds any text, with strings
// and vectors that allocate.
//
//   LD_PRELOAD="libreslab.so libcrash_reporter.so" CRASH_REPORT=report.txt program
//
// What one learns here: handlers of crashes are written with fixed buffers and raw write calls, or fork a helper that
// looks from outside, because the program may have crashed in the middle of malloc, or in a handler on top of it. With
// a malloc that may be called from there none of that is needed. (The report comes on CRASH_REPORT, or on stderr.)
//
// The handler runs on a stack of its own (alternate_stack.h). Afterwards the process dies of the same signal, at the same
// instruction: whoever waits for it, and its core file, see what they would have seen. A heap that the program has
// overwritten is another matter: then the handler may crash in turn, and the process dies of that, without a report.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>

#include "alternate_stack.h"
#include "report.h"
#include "stack_trace.h"

namespace crash_reporter {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
const char* report_path = nullptr;
std::atomic<bool> reporting{false};

void write_whole(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t length = write(fd, text.data() + done, text.size() - done);
    if (length < 0 && errno != EINTR) return;
    if (length > 0) done += static_cast<size_t>(length);
  }
}

void put_out(const std::string& text) {
  const int fd = report_path == nullptr ? -1 : open(report_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  write_whole(fd < 0 ? STDERR_FILENO : fd, text);
  if (fd >= 0) close(fd);
}

// Back to the default. A fault comes again when the handler returns; a signal that somebody sent has to be sent again,
// and comes when the handler has returned.
void die_of(int signal_number, const siginfo_t& info) {
  signal(signal_number, SIG_DFL);
  const bool was_sent = info.si_code <= 0;
  if (was_sent) raise(signal_number);
}

void on_crash(int signal_number, siginfo_t* info, void* context) {
  // The first thread to crash reports and ends the process; others that crash meanwhile stay where they are.
  if (reporting.exchange(true, std::memory_order_relaxed)) {
    for (;;) pause();
  }
  put_out(describe_crash(signal_number, *info, static_cast<ucontext_t*>(context)));
  die_of(signal_number, *info);
}

[[gnu::constructor]] void start() {
  report_path = getenv("CRASH_REPORT");
  examples::prepare_stack_walks();
  give_alternate_stack();
  struct sigaction action = {};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  for (const int signal_number : kSignals) sigaction(signal_number, &action, nullptr);
}

}  // namespace
}  // namespace crash_reporter
