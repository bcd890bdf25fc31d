#include "single_step.h"

#include <signal.h>

#if !defined(__x86_64__)
#error "single_step sets the trap flag of x86-64"
#endif

namespace support {
namespace {

thread_local struct {
  void (*at_step)(uint64_t, void*);
  void* context;
  uint64_t steps;
} stepping;

// The kernel clears the trap flag for the handler and restores it behind it.
void on_trap(int) {
  const uint64_t step = stepping.steps++;
  stepping.at_step(step, stepping.context);
}

constexpr unsigned long long kTrapFlag = 0x100;

void set_trap_flag() { __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | kTrapFlag); }
void clear_trap_flag() { __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~kTrapFlag); }

}  // namespace

uint64_t single_step(void (*body)(void* context), void (*at_step)(uint64_t step, void* context), void* context) {
  struct sigaction action = {};
  struct sigaction before;
  action.sa_handler = on_trap;
  sigaction(SIGTRAP, &action, &before);
  stepping = {at_step, context, 0};
  set_trap_flag();
  body(context);
  clear_trap_flag();
  sigaction(SIGTRAP, &before, nullptr);
  return stepping.steps;
}

}  // namespace support
