// SPDX-License-Identifier: Apache-2.0
// One thread of another process, under ptrace: stepped, run to an instruction by a debug register, left stopped there.
// The other threads of that process are not traced and notice nothing. x86-64 only.
//
// A thread begins by PTRACE_TRACEME and marks what is to be looked at by two `int3`. A single step aborts a restartable
// section, so the sections are gone through as plain code (step_through_section), or at full speed; a breakpoint in the
// middle of one leaves the thread there, and the section is aborted once it goes on.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "library_map.h"

namespace progress {

enum class Stop { kStep, kBreakpoint, kMarker };

class Tracee {
 public:
  // A child's thread that is about to reach its first marker; returns when it has.
  explicit Tracee(pid_t thread);

  uintptr_t pc() const;
  uintptr_t top_of_stack() const;  // the word there

  Stop step();
  // On to the next time that it is at `pc`, or to the next marker.
  Stop run_to(uintptr_t pc);
  // On to the next marker.
  void run_to_marker();
  // No longer traced, and running.
  void let_go();

  // For a thread behind `section.entry` whose section nobody can disturb: forgets that it is in one, steps to its end
  // and adds the addresses it has been at to `inside`. Aborting is what the kernel does to sections it knows of.
  Stop step_through_section(const support::CriticalSection& section, std::vector<uintptr_t>& inside);

 private:
  Stop wait();
  Stop resume(int request);
  void set_breakpoint(uintptr_t pc);

  pid_t thread_;
  int pending_signal_ = 0;
};

}  // namespace progress
