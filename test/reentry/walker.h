// SPDX-License-Identifier: Apache-2.0
// Walks one operation: stops it in front of every instruction, and there runs a nested operation.
//
//   look        steps through it once without touching anything: which instructions its way has, how many steps and how
//               much stack it takes, which system calls and races it could fail at
//   storm       steps through it with a nested operation in front of every instruction, or of the first ones, all in one call
//   gaps        behind a fault once more, with a nested operation that takes nothing from the walked one, in front of the
//               instructions that the storm did not reach, since what it had done before led the call another way
//   each place  a call for each instruction of its way, with one nested operation, in front of that instruction
//
// When time is over a call that is stepped through runs on by itself, and what is left is left out; a look is whole.
//
// In rseq mode a look and one storm have this thread's sections run as plain code (cpu_slot.h), and another storm
// aborts them at each step, as a debugger does; the breakpoints of "each place" reach into the sections as the kernel
// runs them, and there the section must then have been restarted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "coverage.h"
#include "faults.h"
#include "operations.h"
#include "traps.h"

namespace reentry {

struct Measure {
  uint64_t steps = 0;
  uint64_t stack_bytes = 0;  // below the stack pointer at the entry
};

// Of nested operations, that which a place gets in the pass of that seed.
size_t kind_for(uintptr_t place, uint64_t seed);

class Walker : private StepObserver, private BreakpointObserver {
 public:
  // A storm ends after `most_nested` nested operations; the rest of the call runs by itself. Gaps are filled to its
  // end.
  Walker(const Operation& operation, uint64_t seed, size_t most_nested);

  // Of the places: those where no walk of this process has stopped yet, and some of the others.
  enum class Choice : uint8_t { kNewAndSome, kNew };

  void look();
  void storm();
  void storm_with_aborts();
  // For each fault that the look has found: steps through with nested operations from there on, and fills the gaps.
  void storms_with_faults();
  void storm_with(const Fault& fault);
  bool fill_gap(const Fault& fault);  // false: there was none
  // From each atomic instruction of the way on that was not chased from, a nested operation in front of each of the
  // next ones: whatever the first has changed under the walked operation's hands, the way that this leads into is
  // interrupted as well.
  void chase_races();
  void chase(uintptr_t place, size_t kind);
  // One call with one nested operation in front of the instruction at `place`: with the next one, or with that one.
  void visit(uintptr_t place);
  void visit(uintptr_t place, size_t kind);
  // Each instruction of a function that the library hands to others, and that they call meanwhile: steps do not come
  // there.
  void visit_callback(const char* symbol);
  void use(Breakpoint& breakpoint) { breakpoint_ = &breakpoint; }
  // The instructions of the way.
  void each_place(Choice choice);
  // All of them, and a chase from each atomic one, with the nested operation that the seed has for the place; from the
  // `from`-th on, counted from where the seed says, until time is over or much is hoarded. How many are done then.
  size_t all_places(size_t from);

  // The look has passed the hook that the operation names, if it names one.
  bool has_passed() const { return operation_.passes == nullptr || has_passed_; }
  Measure most() const { return most_; }
  const std::vector<uintptr_t>& way() const { return way_places_; }
  const std::vector<Fault>& faults() const { return faults_.found(); }
  size_t all_steps() const { return all_steps_; }
  size_t nested_run() const { return nested_run_; }
  size_t places_met() const { return places_met_; }
  size_t places_wanted() const { return places_wanted_; }
  BreakpointObserver& breakpoint_observer() { return *this; }

 private:
  enum class Way : uint8_t { kLook, kStorm, kChase };

  void at_step(ucontext_t& context) override;
  void at_breakpoint(uintptr_t place, ucontext_t& context) override;
  void step(Way way, const char* name);
  void interrupt(uintptr_t place, ucontext_t& context);
  bool wants_nested(uintptr_t pc) const;
  bool has_enough() const;
  bool wants(const Fault& fault);
  bool fails_at(uintptr_t pc);
  void run_up_to(uintptr_t place, ucontext_t& context);
  void note(uintptr_t pc);
  void count_visit();
  void begin_call();
  void end_call();

  const Operation& operation_;
  uint64_t seed_;
  size_t most_nested_;
  Breakpoint* breakpoint_ = nullptr;
  Way way_ = Way::kLook;
  Fault fault_;
  uint64_t steps_ = 0;
  uintptr_t entry_sp_ = 0;
  uintptr_t last_sp_ = 0;  // at the last step in the library
  uintptr_t resume_at_ = 0;
  bool is_in_library_ = false;
  uint64_t deepest_ = 0;
  bool has_passed_ = false;
  bool next_fails_too_ = false;
  bool is_behind_hook_ = false;  // that of the fault, and no compare-and-swap came since
  bool was_met_ = false;
  bool is_raging_ = false;   // nested operations have begun in this call
  bool wants_gaps_ = false;  // nested operations where none has been yet
  size_t kind_ = 0;          // of nested operation, where it is fixed
  bool has_kind_ = false;
  std::vector<uintptr_t> way_places_;
  std::vector<uint8_t> is_on_way_;  // by byte of the library's text
  FaultFinder faults_;
  Measure most_;
  size_t all_steps_ = 0;
  size_t nested_run_ = 0;
  size_t nested_in_call_ = 0;
  size_t places_met_ = 0;
  size_t places_wanted_ = 0;
};

}  // namespace reentry
