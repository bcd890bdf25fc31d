// SPDX-License-Identifier: Apache-2.0
#include "tracee.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "failure.h"

namespace progress {

using namespace support;

namespace {

constexpr uintptr_t kRseqCsField = 8;  // struct rseq: rseq_cs

// Debug register 7: register 0 on, for this thread, on execution.
constexpr unsigned long kOnExecution = 1;

long peek_user(pid_t thread, size_t offset) {
  errno = 0;
  const long value = ptrace(PTRACE_PEEKUSER, thread, offset, nullptr);
  expect(errno == 0, "ptrace cannot read registers: %s", strerrordesc_np(errno));
  return value;
}

void poke_user(pid_t thread, size_t offset, uintptr_t value) {
  expect(ptrace(PTRACE_POKEUSER, thread, offset, value) == 0, "ptrace cannot set register %zu: %s", offset,
         strerrordesc_np(errno));
}

}  // namespace

Tracee::Tracee(pid_t thread) : thread_(thread) {
  expect(wait() == Stop::kMarker, "the thread stops before its first marker");
}

uintptr_t Tracee::pc() const { return static_cast<uintptr_t>(peek_user(thread_, offsetof(user, regs.rip))); }

uintptr_t Tracee::top_of_stack() const {
  const long stack = peek_user(thread_, offsetof(user, regs.rsp));
  return static_cast<uintptr_t>(ptrace(PTRACE_PEEKDATA, thread_, stack, nullptr));
}

// Signals other than the traps of tracing are passed on, and count as a step: the thread has not moved.
Stop Tracee::wait() {
  int status;
  while (waitpid(thread_, &status, __WALL) < 0) {
    expect(errno == EINTR, "waitpid: %s", strerrordesc_np(errno));
  }
  expect(WIFSTOPPED(status), "the traced thread is gone, wait status %#x", static_cast<unsigned>(status));
  if (WSTOPSIG(status) != SIGTRAP) {
    pending_signal_ = WSTOPSIG(status);
    expect(pending_signal_ != SIGSEGV && pending_signal_ != SIGABRT && pending_signal_ != SIGBUS,
           "the traced thread dies of SIG%s at %#lx", sigabbrev_np(pending_signal_), pc());
    return Stop::kStep;
  }
  siginfo_t info;
  ptrace(PTRACE_GETSIGINFO, thread_, nullptr, &info);
  return info.si_code == SI_KERNEL ? Stop::kMarker : info.si_code == TRAP_HWBKPT ? Stop::kBreakpoint : Stop::kStep;
}

Stop Tracee::resume(int request) {
  const long signal_number = pending_signal_;
  pending_signal_ = 0;
  expect(ptrace(static_cast<__ptrace_request>(request), thread_, nullptr, signal_number) == 0,
         "ptrace cannot resume: %s", strerrordesc_np(errno));
  return wait();
}

Stop Tracee::step() { return resume(PTRACE_SINGLESTEP); }

void Tracee::set_breakpoint(uintptr_t pc) {
  poke_user(thread_, offsetof(user, u_debugreg[7]), 0);
  if (pc == 0) return;
  poke_user(thread_, offsetof(user, u_debugreg[0]), pc);
  poke_user(thread_, offsetof(user, u_debugreg[7]), kOnExecution);
}

Stop Tracee::run_to(uintptr_t pc) {
  set_breakpoint(pc);
  Stop stop;
  do stop = resume(PTRACE_CONT);
  while (stop == Stop::kStep);  // a signal on its way
  set_breakpoint(0);
  return stop;
}

void Tracee::run_to_marker() {
  while (resume(PTRACE_CONT) != Stop::kMarker) {}
}

void Tracee::let_go() { ptrace(PTRACE_DETACH, thread_, nullptr, nullptr); }

Stop Tracee::step_through_section(const CriticalSection& section, std::vector<uintptr_t>& inside) {
  Stop stop = step();
  const uintptr_t area =
      static_cast<uintptr_t>(peek_user(thread_, offsetof(user, regs.fs_base))) + static_cast<uintptr_t>(__rseq_offset);
  expect(ptrace(PTRACE_POKEDATA, thread_, area + kRseqCsField, 0) == 0, "ptrace cannot write to the rseq area");
  for (uintptr_t at = pc(); section.start <= at && at < section.end; at = pc()) {
    if (inside.empty() || inside.back() != at) inside.push_back(at);  // one string move is many steps
    stop = step();
    if (stop == Stop::kMarker) break;
  }
  return stop;
}

}  // namespace progress
