// SPDX-License-Identifier: Apache-2.0
#include "single_step.h"

#include <signal.h>
#include <ucontext.h>

#include "interrupted.h"

#if !defined(__x86_64__)
#error "single_step sets the trap flag of x86-64"
#endif

namespace support {
namespace {

thread_local struct {
  void (*at_step)(uint64_t, void*);
  void* context;
  uint64_t steps;
  uintptr_t pc;
  bool stopped;
} stepping;

constexpr unsigned long long kTrapFlag = 0x100;

// The kernel clears the trap flag for the handler and restores it, from what it has saved, behind it.
void on_trap(int, siginfo_t*, void* context) {
  stepping.pc = interrupted_pc(context);
  const uint64_t step = stepping.steps++;
  stepping.at_step(step, stepping.context);
  if (!stepping.stopped) return;
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~static_cast<greg_t>(kTrapFlag);
}

void set_trap_flag() { __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | kTrapFlag); }
void clear_trap_flag() { __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~kTrapFlag); }

}  // namespace

uint64_t single_step(void (*body)(void* context), void (*at_step)(uint64_t step, void* context), void* context) {
  struct sigaction action = {};
  struct sigaction before;
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &action, &before);
  stepping = {at_step, context, 0, 0, false};
  set_trap_flag();
  body(context);
  clear_trap_flag();
  sigaction(SIGTRAP, &before, nullptr);
  return stepping.steps;
}

uintptr_t stepped_pc() { return stepping.pc; }

void stop_stepping() { stepping.stopped = true; }

}  // namespace support
