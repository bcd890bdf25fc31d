// SPDX-License-Identifier: Apache-2.0
// Two ways to stop a thread in front of an instruction of the library, both by SIGTRAP on the thread itself:
//
//   step_through   the CPU's trap flag: in front of every instruction of a call. Under a registered rseq a step in a
//                  section aborts it at once, so its instructions are never reached (26).
//   Breakpoint     a debug register, through perf_event_open with sigtrap: in front of one instruction, once. Reaches
//                  every instruction of a section; the handler's context then shows the abort address already.
//
// Neither needs a privilege where /proc/sys/kernel/perf_event_paranoid is 2 or less. x86-64 only.
#pragma once

#include <linux/perf_event.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdint>

namespace reentry {

inline uintptr_t pc_of(const ucontext_t& context) { return static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RIP]); }
inline uintptr_t sp_of(const ucontext_t& context) { return static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RSP]); }

// Called in the handler, in front of the instruction at pc_of(context), which it may change.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  virtual void at_step(ucontext_t& context) = 0;
};

using Entry = uintptr_t (*)(uintptr_t, uintptr_t, uintptr_t);

// Calls entry(a, b, c) with the trap flag set; its result.
uintptr_t step_through(StepObserver& observer, Entry entry, uintptr_t a, uintptr_t b, uintptr_t c);

// For a handler: from the instruction behind `context` on, the thread is stepped; until stop_stepping, outside of it.
void begin_stepping(StepObserver& observer, ucontext_t& context);
void stop_stepping();

class BreakpointObserver {
 public:
  virtual ~BreakpointObserver() = default;
  // `place` is where the breakpoint was; the context may be at the abort address of its section instead.
  virtual void at_breakpoint(uintptr_t place, ucontext_t& context) = 0;
};

// One debug register of this thread. While it is armed and met, `observer` is called, once for each arming.
class Breakpoint {
 public:
  explicit Breakpoint(BreakpointObserver& observer);
  ~Breakpoint();
  Breakpoint(const Breakpoint&) = delete;
  Breakpoint& operator=(const Breakpoint&) = delete;

  // nullptr, or why this machine offers no such breakpoints.
  const char* unavailable() const { return unavailable_; }

  void arm(uintptr_t place);
  void disarm();

 private:
  friend struct Traps;
  void met(ucontext_t& context);

  BreakpointObserver& observer_;
  int fd_ = -1;
  uintptr_t place_ = 0;
  perf_event_attr wanted_ = {};
  const char* unavailable_ = nullptr;
};

}  // namespace reentry
