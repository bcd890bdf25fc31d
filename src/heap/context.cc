// SPDX-License-Identifier: Apache-2.0
#include "heap/context.h"

#include <signal.h>
#include <unistd.h>

#include "base/options.h"
#include "base/text.h"
#include "base/thread_line.h"
#include "base/unwind.h"
#include "platform/syscall.h"
#include "slab/retired.h"

namespace reslab {
namespace {

bool on_alternate_stack() {
  stack_t stack = {};
  // Not asserted (base/lock_checks.h): if a lock is held here, an interrupted call holds it.
  enter_kernel(SYS_sigaltstack, 0, reinterpret_cast<long>(&stack), 0, 0, 0, 0);
  return (stack.ss_flags & SS_ONSTACK) != 0;
}

// Not on an alternate stack, a slow path whose mark lies deeper than this frame was left by a jump: a live one would have
// this frame below it, and an alternate stack that it may have run on has been left.
bool is_above_slow_frame(uintptr_t frame) {
  const uintptr_t mark = thread_line.slow_frame.load(std::memory_order_relaxed);
  if (mark == 0) return true;
  const bool was_left = frame > mark;
  if (was_left) thread_line.slow_frame.store(0, std::memory_order_relaxed);
  return was_left;
}

// nullptr: nothing is known that speaks against waiting.
const char* reason_not_to_wait(uintptr_t frame) {
  if (thread_line.nolock_depth.load(std::memory_order_relaxed) != 0) return "inside a nolock scope";
  const RcuClient* readers = rcu_client.load(std::memory_order_acquire);
  if (readers != nullptr && readers->in_read_section()) return "inside a read section";
  if (on_alternate_stack()) return "on an alternate signal stack";
  if (!is_above_slow_frame(frame)) return "on top of a call of reslab that it interrupts";
  if (options().check_context && is_below_signal_frame()) return "in a signal handler";
  return nullptr;
}

void report(const char* call, const char* what) {
  Line line;
  line.text("reslab: ").text(call).text(": ").text(what);
  line.write_to(STDERR_FILENO);
}

}  // namespace

bool may_maintain(const char* call, uintptr_t frame) {
  const char* reason = reason_not_to_wait(frame);
  if (reason == nullptr) return true;
  if (options().check_context) {
    Line what;
    what.text("maintenance call ").text(reason).text(", refused");
    report(call, what.c_str());
  }
  return false;
}

void check_nolock_scope(const char* call, uintptr_t frame) {
  if (!options().check_context) return;
  constexpr uintptr_t kOneStack = uintptr_t{8} << 20;
  const uintptr_t opened = thread_line.nolock_frame.load(std::memory_order_relaxed);
  if (opened != 0 && frame > opened && frame - opened < kOneStack) {
    report(call,
           "the nolock scope it runs in was opened by a frame that has returned; reslab_nolock_restore is missing");
  }
}

}  // namespace reslab
