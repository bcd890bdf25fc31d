#include "heap/context.h"

#include <signal.h>

#include "base/thread_line.h"
#include "platform/syscall.h"

namespace reslab {
namespace {

bool on_alternate_stack() {
  stack_t stack = {};
  sys_call(SYS_sigaltstack, 0, reinterpret_cast<long>(&stack));
  return (stack.ss_flags & SS_ONSTACK) != 0;
}

}  // namespace

bool may_maintain() {
  return thread_line.nolock_depth.load(std::memory_order_relaxed) == 0 && !SlowCall::any_below() && !on_alternate_stack();
}

}  // namespace reslab
