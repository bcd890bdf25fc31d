#include "stepper.h"

#include <signal.h>
#include <ucontext.h>

namespace fork_test {
namespace {

constexpr unsigned long long kTrapFlag = 0x100;

void (*callback)(uintptr_t);
bool stopped;

// The kernel clears the flag for the handler, and puts it back from the context behind it.
void on_trap(int, siginfo_t*, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (!stopped) callback(static_cast<uintptr_t>(registers[REG_RIP]));
  if (stopped) registers[REG_EFL] &= ~static_cast<greg_t>(kTrapFlag);
}

}  // namespace

void step_through(void (*body)(), void (*at_step)(uintptr_t pc)) {
  struct sigaction action = {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &action, nullptr);
  callback = at_step;
  stopped = false;
  __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | kTrapFlag);
  body();
  __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~kTrapFlag);
}

void stop_stepping() { stopped = true; }

}  // namespace fork_test
