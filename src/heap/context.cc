#include "heap/context.h"

#include <signal.h>

#include "base/thread_line.h"
#include "heap/root.h"
#include "platform/syscall.h"

namespace reslab {
namespace {

bool holds_a_block() {
  const uint64_t self = thread_id();
  BlockPool& pool = blocks();
  const uint32_t made = pool.blocks_made();
  for (uint32_t block = 1; block < made; ++block) {
    if (pool.state(block) == BlockState::kInHand && pool.header(block).owner.load(std::memory_order_relaxed) == self) {
      return true;
    }
  }
  return false;
}

bool on_alternate_stack() {
  stack_t stack = {};
  sys_call(SYS_sigaltstack, 0, reinterpret_cast<long>(&stack));
  return (stack.ss_flags & SS_ONSTACK) != 0;
}

}  // namespace

bool may_maintain() {
  return thread_line.nolock_depth.load(std::memory_order_relaxed) == 0 && !holds_a_block() && !on_alternate_stack();
}

}  // namespace reslab
