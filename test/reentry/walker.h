// Walks one operation: stops it in front of every instruction, and there runs a nested operation.
//
//   look        steps through it once without touching anything: which instructions its way has, how many steps and how
//               much stack it takes, which system calls and races it could fail at
//   storm       steps through it with a nested operation in front of every instruction, all in one call
//   each place  a call for each instruction of its way, with one nested operation, in front of that instruction
//
// In rseq mode a look and one storm have this thread's sections run as plain code (cpu_slot.h), and another storm aborts
// them at each step, as a debugger does; the breakpoints of "each place" reach into the sections as the kernel runs them,
// and there the section must then have been restarted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "coverage.h"
#include "operations.h"
#include "traps.h"

namespace reentry {

// A system call that fails, or a compare-and-swap that is lost, whenever the walked operation comes to it.
struct Fault {
  enum class Kind : uint8_t { kNone, kSystemCall, kLostRace } kind = Kind::kNone;
  uintptr_t place = 0;
};

struct Measure {
  uint64_t steps = 0;
  uint64_t stack_bytes = 0;  // below the stack pointer at the entry
};

class Walker : private StepObserver, private BreakpointObserver {
 public:
  // A storm ends after `most_nested` nested operations; the rest of the call runs by itself.
  Walker(const Operation& operation, uint64_t seed, size_t most_nested);

  enum class Choice : uint8_t { kAll, kNewAndSome, kNew };

  void look();
  void storm();
  void storm_with_aborts();
  // For each system call and each race that the look has found: steps through with nested operations from its failure on.
  void storms_with_faults();
  void storm_with(const Fault& fault);
  // From each atomic instruction of the way on, a nested operation in front of each of the next ones: whatever the first
  // has changed under the walked operation's hands, the way that this leads into is interrupted as well.
  void chase_races(Choice choice);
  void chase(uintptr_t place, size_t kind);
  // One call with one nested operation in front of the instruction at `place`.
  void visit(uintptr_t place);
  void use(Breakpoint& breakpoint) { breakpoint_ = &breakpoint; }
  // The instructions of the way, each with `kinds` nested operations; or of them only those that no breakpoint of this
  // process has stopped at yet, and some of the others.
  void each_place(Choice choice, size_t kinds);

  Measure most() const { return most_; }
  const std::vector<uintptr_t>& way() const { return way_places_; }
  const std::vector<Fault>& faults() const { return faults_; }
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
  void skip_to_return(ucontext_t& context);
  void note(uintptr_t pc, const ucontext_t& context);
  void note_place(uintptr_t pc);
  void note_faults(uintptr_t pc);
  void inject(ucontext_t& context);
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
  uintptr_t resume_at_ = 0;
  bool is_in_library_ = false;
  uint64_t deepest_ = 0;
  bool race_is_next_ = false;
  bool was_met_ = false;
  bool is_raging_ = false;  // nested operations have begun in this call
  size_t kind_ = 0;         // of nested operation, where it is fixed
  bool has_kind_ = false;
  std::vector<uintptr_t> way_places_;
  std::vector<uint8_t> is_on_way_;  // by byte of the library's text
  std::vector<Fault> faults_;
  Measure most_;
  size_t nested_run_ = 0;
  size_t nested_in_call_ = 0;
  size_t places_met_ = 0;
  size_t places_wanted_ = 0;
};

}  // namespace reentry
