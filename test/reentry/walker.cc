#include "walker.h"

#include <cerrno>
#include <cstring>

#include "cpu_slot.h"
#include "failure.h"
#include "library.h"
#include "nested.h"
#include "stock.h"

namespace reentry {
namespace {

bool is_system_call(const unsigned char* code) { return code[0] == 0x0f && code[1] == 0x05; }

// Another prefix for lock, or an exchange with memory, which locks by itself.
bool is_atomic(const unsigned char* code) {
  const unsigned char* opcode = (code[0] & 0xf0) == 0x40 ? code + 1 : code;
  return code[0] == 0xf0 || ((opcode[0] == 0x86 || opcode[0] == 0x87) && (opcode[1] & 0xc0) != 0xc0);
}

// lock cmpxchg, with or without a REX prefix.
bool is_compare_and_swap(const unsigned char* code) {
  if (code[0] != 0xf0) return false;
  const unsigned char* opcode = code + ((code[1] & 0xf0) == 0x40 ? 2 : 1);
  return opcode[0] == 0x0f && (opcode[1] == 0xb1 || opcode[1] == 0xb0);
}

const unsigned char* code_at(uintptr_t pc) { return reinterpret_cast<const unsigned char*>(pc); }

// Behind these hooks comes a compare-and-swap that is tried again, or whose failure means "look elsewhere": it may fail
// as often as it likes. So do all those of the functions below.
constexpr const char* kHooksBeforeRaces[] = {"stack_push", "stack_pop", "deferred_push", "deferred_pop", "frontier"};
constexpr const char* kFunctionsOfRaces[] = {"slab_relist", "BlockPool4take", "BlockPool4make", "magazine_drain"};

bool may_be_lost(uintptr_t pc) {
  const std::string function = Library::get().function_at(pc);
  for (const char* name : kFunctionsOfRaces) {
    if (function.find(name) != std::string::npos) return true;
  }
  return false;
}

constexpr greg_t kTrapFlag = 0x100;
constexpr size_t kChased = 100;      // nested operations in a chase
constexpr size_t kAfterFault = 200;  // nested operations behind a fault, where not all are wanted
constexpr size_t kQuickKinds = 4;    // the first ones of the table, which take most from the walked operation

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

Walker::Walker(const Operation& operation, uint64_t seed, size_t most_nested)
    : operation_(operation), seed_(seed), most_nested_(most_nested), is_on_way_(Library::get().text_bytes()) {
  scene.operation = operation.name;
  way_places_.reserve(4096);
  faults_.reserve(256);
}

// --- in the handler ------------------------------------------------------------------------------------------------------

void Walker::interrupt(uintptr_t place, ucontext_t& context) {
  scene.place = Library::get().link_address(place);
  Coverage::get().mark(pc_of(context), Interrupted::kBefore);
  run_nested((has_kind_ ? kind_ : seed_ + nested_run_) % nested_count(), nested_bytes(operation_.bytes));
  ++nested_run_;
}

void Walker::at_step(ucontext_t& context) {
  const KeptErrno kept;
  const uintptr_t pc = pc_of(context);
  const Library& library = Library::get();
  const bool was_in_library = is_in_library_;
  is_in_library_ = library.has(pc);
  if (was_in_library && !is_in_library_ && sp_of(context) <= entry_sp_) skip_to_return(context);
  if (!is_in_library_) return;
  scene.step = ++steps_;
  if (entry_sp_ == 0) entry_sp_ = sp_of(context);
  if (entry_sp_ > sp_of(context) && entry_sp_ - sp_of(context) > deepest_) deepest_ = entry_sp_ - sp_of(context);
  if (operation_.is(kStrict) && is_system_call(code_at(pc))) fail("a strict nolock call enters the kernel");
  if (way_ == Way::kLook) {
    note(pc, context);
  } else if (is_raging_ && !library.is_inside_section(pc)) {
    // A nested operation on the slot whose section is under way is what rseq exists to prevent.
    interrupt(pc, context);
    const bool behind_fault = fault_.kind != Fault::Kind::kNone && most_nested_ != SIZE_MAX;
    const size_t most = way_ == Way::kChase ? kChased : behind_fault ? kAfterFault : most_nested_;
    if (++nested_in_call_ >= most) context.uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
  }
  inject(context);
}

// What the library calls is not walked (a memset that is one string move has a step for each byte): it runs by itself up
// to a breakpoint behind the call.
void Walker::skip_to_return(ucontext_t& context) {
  const auto* return_address = reinterpret_cast<const uintptr_t*>(sp_of(context));
  resume_at_ = *return_address;
  context.uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
  breakpoint_->arm(resume_at_);
}

void Walker::note(uintptr_t pc, const ucontext_t&) {
  uint8_t& seen = is_on_way_[pc - Library::get().text()];
  if (seen == 0) note_place(pc);
  if (seen == 0) note_faults(pc);
  seen = 1;
  // The kernel comes back with the trap flag one instruction too late: a step never stops behind a system call.
  if (is_system_call(code_at(pc))) note_place(pc + 2);
}

void Walker::note_place(uintptr_t pc) {
  if (way_places_.size() < way_places_.capacity()) way_places_.push_back(pc);
}

void Walker::note_faults(uintptr_t pc) {
  if (faults_.size() == faults_.capacity()) return;
  if (is_system_call(code_at(pc))) faults_.push_back({Fault::Kind::kSystemCall, pc});
  for (const char* hook : kHooksBeforeRaces) race_is_next_ = race_is_next_ || Library::get().is_hook(pc, hook);
  if (!is_compare_and_swap(code_at(pc))) return;
  if (race_is_next_ || may_be_lost(pc)) faults_.push_back({Fault::Kind::kLostRace, pc});
  race_is_next_ = false;
}

// The system call is stepped over with its failure; the compare-and-swap is left to fail by itself, on another value.
void Walker::inject(ucontext_t& context) {
  if (fault_.kind == Fault::Kind::kNone || pc_of(context) != fault_.place) return;
  is_raging_ = true;
  greg_t* registers = context.uc_mcontext.gregs;
  if (fault_.kind == Fault::Kind::kSystemCall) {
    registers[REG_RIP] += 2;
    registers[REG_RAX] = -ENOMEM;
  } else {
    registers[REG_RAX] = ~registers[REG_RAX];
  }
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

// --- ways of walking -----------------------------------------------------------------------------------------------------

void Walker::begin_call() {
  steps_ = 0;
  nested_in_call_ = 0;
  is_raging_ = fault_.kind == Fault::Kind::kNone;
  is_in_library_ = false;
  resume_at_ = 0;
  entry_sp_ = 0;
  deepest_ = 0;
}

void Walker::end_call() {
  if (steps_ > most_.steps) most_.steps = steps_;
  if (deepest_ > most_.stack_bytes) most_.stack_bytes = deepest_;
  release_nested();
  scene.place = 0;
  scene.step = 0;
}

void Walker::step(Way way, const char* name) {
  scene.way = name;
  way_ = way;
  begin_call();
  Call call(operation_);
  struct Body {
    Walker* walker;
    Call* call;
    uintptr_t result;
  } body{this, &call, 0};
  call.around(
      [](void* context) {
        auto& own = *static_cast<Body*>(context);
        const Operation& operation = own.walker->operation_;
        own.result = step_through(*own.walker, own.call->entry(), own.call->argument(operation.a),
                                  own.call->argument(operation.b), own.call->argument(operation.c));
      },
      &body);
  end_call();
  call.finish(body.result, fault_.kind != Fault::Kind::kNone);
}

void Walker::look() {
  const Undisturbed undisturbed;
  step(Way::kLook, "look");
}

void Walker::storm() {
  const Undisturbed undisturbed;
  step(Way::kStorm, "storm");
}

void Walker::storm_with_aborts() { step(Way::kStorm, "storm with aborts"); }

void Walker::storms_with_faults() {
  for (const Fault& fault : faults_) {
    storm_with(fault);
    release_stock();  // what the failure has left behind must not show in the next state
  }
}

void Walker::storm_with(const Fault& fault) {
  fault_ = fault;
  {
    const Undisturbed undisturbed;
    step(Way::kStorm, fault.kind == Fault::Kind::kSystemCall ? "storm, system call fails" : "storm, race lost");
  }
  fault_ = {};
}

void Walker::visit(uintptr_t place) {
  was_met_ = false;
  begin_call();
  Call call(operation_);
  struct Body {
    Walker* walker;
    Call* call;
    uintptr_t place;
    uintptr_t result;
  } body{this, &call, place, 0};
  call.around(
      [](void* context) {
        auto& own = *static_cast<Body*>(context);
        const Operation& operation = own.walker->operation_;
        const uintptr_t a = own.call->argument(operation.a), b = own.call->argument(operation.b),
                        c = own.call->argument(operation.c);
        own.walker->breakpoint_->arm(own.place);
        own.result = own.call->entry()(a, b, c);
        stop_stepping();
        own.walker->breakpoint_->disarm();
      },
      &body);
  end_call();
  call.finish(body.result, false);
}

void Walker::each_place(Choice choice, size_t kinds) {
  constexpr size_t kSome = 16;  // one in so many
  scene.way = "each place";
  way_ = Way::kStorm;
  for (size_t i = 0; i < way_places_.size(); ++i) {
    const bool is_new = !Coverage::get().has(way_places_[i], Interrupted::kByBreakpoint);
    const bool is_chosen = choice == Choice::kAll || (choice == Choice::kNewAndSome && (seed_ + i) % kSome == 0);
    if (!is_new && !is_chosen) continue;
    for (size_t kind = 0; kind < kinds; ++kind) {
      visit(way_places_[i]);
      ++places_wanted_;
      places_met_ += was_met_ ? 1 : 0;
    }
  }
}

void Walker::chase(uintptr_t place, size_t kind) {
  scene.way = "chase";
  way_ = Way::kChase;
  kind_ = kind;
  has_kind_ = true;
  visit(place);
  has_kind_ = false;
}

void Walker::chase_races(Choice choice) {
  for (const uintptr_t place : way_places_) {
    if (!is_atomic(code_at(place))) continue;
    if (choice != Choice::kAll && Coverage::get().has(place, Interrupted::kChased)) continue;
    Coverage::get().mark(place, Interrupted::kChased);
    for (size_t kind = 0; kind < (choice == Choice::kAll ? nested_count() : kQuickKinds); ++kind) chase(place, kind);
  }
}

}  // namespace reentry
