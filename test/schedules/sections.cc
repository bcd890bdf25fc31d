// SPDX-License-Identifier: Apache-2.0
#include "sections.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <ucontext.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "case.h"
#include "instructions.h"
#include "played_fence.h"
#include "record.h"
#include "scheduler.h"

extern "C" const rseq_cs __start___rseq_cs[], __stop___rseq_cs[];  // by the linker: those of the program

namespace schedules {
namespace {

constexpr unsigned long long kTrapFlag = 0x100;
constexpr ptrdiff_t kDescriptorField = 8;  // rseq_cs, in the kernel's ABI
constexpr unsigned char kBreakpoint = 0xcc;
constexpr size_t kMostInstructions = 1024;
constexpr uintptr_t kPage = 4096;

// Of all threads, of which one runs at a time.
struct {
  bool in_section;
  bool must_abort;
} state[kMostThreads];

thread_local struct {
  int number;
  void (*at_instruction)();
  bool active;
} stepping;

// --- breakpoints -----------------------------------------------------------------------------------------------------

// Each instruction has one, but for the one that is being executed: the next that the thread comes to closes it
// again. A thread that leaves a section by it comes to none; the next section begins with one.
struct Instruction {
  unsigned char* at;
  unsigned char first_byte;
  bool is_repeated;
};

struct {
  Instruction all[kMostInstructions];  // by address
  size_t count;
  Instruction* open;
  bool planted;
} code;

void add_instructions_of(const rseq_cs& section) {
  auto* at = reinterpret_cast<unsigned char*>(section.start_ip);
  const unsigned char* end = at + section.post_commit_offset;
  while (at < end) {
    const size_t length = instruction_length(at);
    if (length == 0)
      violation("a section has an instruction of unknown length at %p: %02x %02x %02x", at, at[0], at[1], at[2]);
    if (code.count == kMostInstructions) violation("more instructions in sections than %zu", kMostInstructions);
    code.all[code.count++] = {at, *at, is_repeated(at)};
    at += length;
  }
  if (at != end) violation("a section does not end with an instruction at %p", end);
}

// From the first to the last, so that the mapping is not cut up: each part would have to be copied by every fork.
void allow_writes() {
  const uintptr_t begin = reinterpret_cast<uintptr_t>(code.all[0].at) & ~(kPage - 1);
  const uintptr_t end = reinterpret_cast<uintptr_t>(code.all[code.count - 1].at) + 1;
  if (mprotect(reinterpret_cast<void*>(begin), end - begin, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
    violation("this system does not let code be changed");
}

void plant_all() {
  if (code.planted) return;
  code.planted = true;
  for (size_t i = 0; i < code.count; ++i) *code.all[i].at = kBreakpoint;
}

void close_open() {
  if (code.open != nullptr) *code.open->at = kBreakpoint;
  code.open = nullptr;
}

Instruction* instruction_at(const unsigned char* at) {
  Instruction* end = code.all + code.count;
  Instruction* found = std::lower_bound(
      code.all, end, at, [](const Instruction& one, const unsigned char* wanted) { return one.at < wanted; });
  return found != end && found->at == at ? found : nullptr;
}

// --- stops -----------------------------------------------------------------------------------------------------------

rseq_cs*& descriptor_field() {
  char* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  return *reinterpret_cast<rseq_cs**>(area + kDescriptorField);
}

// Where the thread goes on.
greg_t stop_in_section(greg_t pc) {
  const rseq_cs* section = descriptor_field();
  if (section == nullptr || static_cast<uint64_t>(pc) - section->start_ip >= section->post_commit_offset) return pc;
  auto& mine = state[stepping.number];
  mine = {true, false};
  stepping.at_instruction();
  const bool is_aborted = mine.must_abort;
  mine = {false, false};
  if (!is_aborted) return pc;
  const auto abort_address = static_cast<greg_t>(section->abort_ip);
  descriptor_field() = nullptr;
  return abort_address;
}

// Behind a breakpoint, or by the trap flag between two rounds of a repeated instruction and behind the last.
void on_trap(int, siginfo_t* info, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  greg_t& pc = registers[REG_RIP];
  registers[REG_EFL] &= ~static_cast<greg_t>(kTrapFlag);
  if (info->si_code != TRAP_TRACE) --pc;
  close_open();
  if (stepping.active) pc = stop_in_section(pc);
  close_open();  // another thread's, which has run meanwhile
  Instruction* next = code.planted ? instruction_at(reinterpret_cast<unsigned char*>(pc)) : nullptr;
  if (next == nullptr) return;
  *next->at = next->first_byte;
  code.open = next;
  if (next->is_repeated) registers[REG_EFL] |= static_cast<greg_t>(kTrapFlag);
}

void abort_sections_of_others() {
  for (int other = 0; other < kMostThreads; ++other) {
    if (other != thread_number()) abort_section_of(other);
  }
}

}  // namespace

void arm_sections() {
  for (const rseq_cs* section = __start___rseq_cs; section != __stop___rseq_cs; ++section) {
    add_instructions_of(*section);
  }
  std::sort(code.all, code.all + code.count, [](const Instruction& a, const Instruction& b) { return a.at < b.at; });
  allow_writes();
  struct sigaction action = {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;  // another thread goes on while this one is in its handler
  sigaction(SIGTRAP, &action, nullptr);
}

void step_through(void (*work)(), int number, void (*at_instruction)()) {
  plant_all();
  stepping = {number, at_instruction, true};
  work();
  stop_stepping();
}

void play_the_fence() {
  static bool is_played = false;
  if (!is_played && !support::play_fences(abort_sections_of_others)) violation("this system allows no seccomp filter");
  is_played = true;
}

void stop_stepping() {
  stepping.active = false;
  close_open();
}

void leave_last_section() { descriptor_field() = nullptr; }

void leave_sections_alone() {
  for (size_t i = 0; code.planted && i < code.count; ++i) *code.all[i].at = code.all[i].first_byte;
  code.planted = false;
  code.open = nullptr;
}

void abort_section_of(int number) {
  if (state[number].in_section) state[number].must_abort = true;
}

}  // namespace schedules
