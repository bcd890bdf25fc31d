// SPDX-License-Identifier: Apache-2.0
#include "sections.h"

#include <signal.h>
#include <sys/rseq.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdint>

#include "case.h"
#include "played_fence.h"
#include "record.h"
#include "scheduler.h"

namespace schedules {
namespace {

constexpr unsigned long long kTrapFlag = 0x100;
constexpr ptrdiff_t kDescriptorField = 8;  // rseq_cs, in the kernel's ABI

// Only the thread that runs looks at these; the scheduler's gates order it.
struct {
  bool in_section;
  bool must_abort;
} state[kMostThreads];

thread_local struct {
  int number;
  void (*at_instruction)();
  bool active;
} stepping;

rseq_cs*& descriptor_field() {
  char* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  return *reinterpret_cast<rseq_cs**>(area + kDescriptorField);
}

void on_trap(int, siginfo_t*, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  if (!stepping.active) registers[REG_EFL] &= ~static_cast<greg_t>(kTrapFlag);
  greg_t& pc = registers[REG_RIP];
  const rseq_cs* section = descriptor_field();
  if (section == nullptr || static_cast<uint64_t>(pc) - section->start_ip >= section->post_commit_offset) return;
  auto& mine = state[stepping.number];
  mine = {true, false};
  stepping.at_instruction();
  if (mine.must_abort) {
    pc = static_cast<greg_t>(section->abort_ip);
    descriptor_field() = nullptr;
  }
  mine = {false, false};
}

void abort_sections_of_others() {
  for (int other = 0; other < kMostThreads; ++other) {
    if (other != thread_number()) abort_section_of(other);
  }
}

void set_trap_flag() { __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | kTrapFlag); }
void clear_trap_flag() { __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~kTrapFlag); }

}  // namespace

void step_through(void (*work)(), int number, void (*at_instruction)()) {
  stepping = {number, at_instruction, true};
  struct sigaction action = {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &action, nullptr);
  set_trap_flag();
  work();
  clear_trap_flag();
  stepping.active = false;
}

void play_the_fence() {
  if (!support::play_fences(abort_sections_of_others)) violation("this system allows no seccomp filter");
}

void stop_stepping() {
  if (!stepping.active) return;
  stepping.active = false;  // the flags that the hook has saved bring the flag back: the next trap removes it there
  clear_trap_flag();
}

void abort_section_of(int number) {
  if (state[number].in_section) state[number].must_abort = true;
}

}  // namespace schedules
