// SPDX-License-Identifier: Apache-2.0
// What a Walker does in the handler, in front of an instruction of the walked call.
#include <cerrno>

#include "cpu_slot.h"
#include "failure.h"
#include "instructions.h"
#include "library.h"
#include "nested.h"
#include "settings.h"
#include "walker.h"

namespace reentry {
namespace {

constexpr greg_t kTrapFlag = 0x100;
constexpr size_t kChased = 100;         // nested operations in a chase
constexpr size_t kAfterFault = 200;     // nested operations behind a fault, where not all are wanted
constexpr uint64_t kFaultSteps = 4000;  // of a call with a fault, likewise: a lost race is lost again for each object
constexpr uint64_t kGapSteps = 20000;

// Of the same class as the walked operation's, unless filling so much took the time.
size_t nested_bytes(size_t bytes) {
  constexpr size_t kMost = 300000;
  return bytes == 0 ? 16 : bytes < kMost ? bytes : kMost;
}

// errno belongs to what was interrupted.
class KeptErrno {
 public:
  KeptErrno() : kept_(errno) {}
  ~KeptErrno() { errno = kept_; }

 private:
  int kept_;
};

}  // namespace

void Walker::interrupt(uintptr_t place, ucontext_t& context) {
  scene.place = Library::get().link_address(place);
  Coverage::get().mark(pc_of(context), Interrupted::kBefore);
  if (wants_gaps_) run_nested_aside();
  else run_nested((has_kind_ ? kind_ : seed_ + nested_run_) % nested_count(), nested_bytes(operation_.bytes));
  ++nested_run_;
}

// A nested operation on the slot whose section is under way is what rseq exists to prevent.
bool Walker::wants_nested(uintptr_t pc) const {
  if (way_ == Way::kLook || !is_raging_ || Library::get().is_inside_section(pc)) return false;
  return !wants_gaps_ || !Coverage::get().has(pc, Interrupted::kBefore);
}

// Steps are slow: a call that has had its share runs on by itself.
bool Walker::has_enough() const {
  if (way_ == Way::kLook) return false;
  if (time_is_over()) return true;
  if (way_ == Way::kChase) return nested_in_call_ >= kChased;
  if (most_nested_ == SIZE_MAX) return false;
  if (fault_.kind == Fault::Kind::kNone) return !wants_gaps_ && nested_in_call_ >= most_nested_;
  return wants_gaps_ ? steps_ >= kGapSteps : nested_in_call_ >= kAfterFault || steps_ >= kFaultSteps;
}

void Walker::at_step(ucontext_t& context) {
  const KeptErrno kept;
  ++all_steps_;
  const uintptr_t pc = pc_of(context);
  const bool was_in_library = is_in_library_;
  is_in_library_ = Library::get().has(pc);
  // What the library calls is not walked (a memset that is one string move has a step for each byte). A call or a jump
  // to the end of one: the return to the caller leaves less on the stack than there was at the step before.
  if (was_in_library && !is_in_library_ && sp_of(context) <= last_sp_) {
    run_up_to(*reinterpret_cast<const uintptr_t*>(sp_of(context)), context);
  }
  if (!is_in_library_) return;
  last_sp_ = sp_of(context);
  scene.step = ++steps_;
  if (entry_sp_ == 0) entry_sp_ = sp_of(context);
  if (entry_sp_ > sp_of(context) && entry_sp_ - sp_of(context) > deepest_) deepest_ = entry_sp_ - sp_of(context);
  if (operation_.is(kStrict) && is_system_call(pc)) fail("a strict nolock call enters the kernel");
  if (way_ == Way::kLook) note(pc);
  if (operation_.passes != nullptr && Library::get().is_hook(pc, operation_.passes)) has_passed_ = true;
  // Here, and not where the hook calls it: it runs the same code, and would meet the breakpoint behind that call.
  if (operation_.deed != nullptr && Library::get().is_hook(pc, operation_.at)) do_deed();
  if (fault_.kind == Fault::Kind::kDeed && deed_is_done()) is_raging_ = true;
  if (wants_nested(pc)) {
    interrupt(pc, context);
    ++nested_in_call_;
  }
  if (has_enough()) context.uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
  if (fails_at(pc)) {
    is_raging_ = true;
    inject(fault_, context);
    if (pc_of(context) != pc) at_step(context);  // a system call: the next step would stop one instruction too late
  } else if (is_system_call(pc) && answer_system_call != nullptr && answer_system_call(context)) {
    at_step(context);
  } else if (is_system_call(pc)) {
    run_up_to(pc + kSystemCallBytes,
              context);  // the kernel, too, comes back with the trap flag one instruction too late
  }
}

bool Walker::fails_at(uintptr_t pc) {
  const bool is_first_behind_hook = is_behind_hook_ && is_compare_and_swap(pc);
  if (is_first_behind_hook) is_behind_hook_ = false;
  if (fault_.hook != nullptr && Library::get().is_hook(pc, fault_.hook)) is_behind_hook_ = true;
  if (fault_.place == pc) {
    next_fails_too_ = fault_.kind == Fault::Kind::kTwoSystemCalls;
    return true;
  }
  if (is_first_behind_hook) return is_raging_;
  if (!next_fails_too_ || !is_system_call(pc)) return false;
  next_fails_too_ = false;
  return true;
}

// The trap flag is off until the thread comes to a breakpoint at `place`.
void Walker::run_up_to(uintptr_t place, ucontext_t& context) {
  if ((context.uc_mcontext.gregs[REG_EFL] & kTrapFlag) == 0) return;
  resume_at_ = place;
  context.uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
  breakpoint_->arm(resume_at_);
}

void Walker::note(uintptr_t pc) {
  uint8_t& seen = is_on_way_[pc - Library::get().text()];
  if (seen != 0) return;
  seen = 1;
  if (way_places_.size() < way_places_.capacity()) way_places_.push_back(pc);
  faults_.look_at(pc);
}

void Walker::at_breakpoint(uintptr_t place, ucontext_t& context) {
  const KeptErrno kept;
  if (place == resume_at_) {
    resume_at_ = 0;
    context.uc_mcontext.gregs[REG_EFL] |= kTrapFlag;
    at_step(context);
    return;
  }
  const CriticalSection* section = Library::get().section_at(place);
  scene.place = Library::get().link_address(place);
  const uintptr_t wanted = section != nullptr ? section->abort : place;
  if (pc_of(context) != wanted) {
    fail("interrupted at a breakpoint, it goes on at 0x%zx, not at 0x%zx", Library::get().link_address(pc_of(context)),
         Library::get().link_address(wanted));
  }
  if (section != nullptr) Coverage::get().mark(place, Interrupted::kInSection);
  Coverage::get().mark(place, Interrupted::kByBreakpoint);
  interrupt(place, context);
  was_met_ = true;
  if (way_ == Way::kChase) begin_stepping(*this, context);
}

}  // namespace reentry
