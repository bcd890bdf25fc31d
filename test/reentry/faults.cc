// SPDX-License-Identifier: Apache-2.0
#include "faults.h"

#include <cerrno>
#include <string>

#include "instructions.h"
#include "library.h"

namespace reentry {

bool (*answer_system_call)(ucontext_t& context);

namespace {

// Behind these hooks comes a compare-and-swap that is tried again, or whose failure means "look elsewhere": it may fail
// as often as it likes. So do all those of the functions below.
constexpr const char* kHooksBeforeRaces[] = {
    "stack_push",      "stack_pop",        "deferred_push",    "deferred_pop", "frontier",      "frontier_passes",
    "extent_reserved", "extent_committed", "extent_give_back", "guard_claim",  "group_stock",   "group_reserve",
    "class_room",      "class_id",         "run_put",          "run_take",     "local_lock_try"};
constexpr const char* kFunctionsOfRaces[] = {"slab_relist", "BlockPool4take", "BlockPool4make", "magazine_drain",
                                             "claim_stack"};

bool may_be_lost(uintptr_t pc) {
  const std::string function = Library::get().function_at(pc);
  for (const char* name : kFunctionsOfRaces) {
    if (function.find(name) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

const char* name_of(Fault::Kind kind) {
  switch (kind) {
    case Fault::Kind::kSystemCall:
      return "storm, system call fails";
    case Fault::Kind::kTwoSystemCalls:
      return "storm, two system calls fail";
    case Fault::Kind::kLostRace:
      return "storm, race lost";
    case Fault::Kind::kDeed:
      return "storm behind the deed";
    case Fault::Kind::kNone:
      break;
  }
  return "storm";
}

void FaultFinder::add(const Fault& fault) {
  if (found_.size() < kMost) found_.push_back(fault);
}

void FaultFinder::look_at(uintptr_t pc) {
  if (is_system_call(pc)) add({Fault::Kind::kSystemCall, pc});
  for (const char* hook : kHooksBeforeRaces) {
    if (Library::get().is_hook(pc, hook)) hook_ = hook;
  }
  if (!is_compare_and_swap(pc)) return;
  if (hook_ != nullptr || may_be_lost(pc)) add({Fault::Kind::kLostRace, pc, hook_});
  hook_ = nullptr;
}

// The system call is stepped over with its failure; the compare-and-swap is left to fail by itself, on another value.
void inject(const Fault& fault, ucontext_t& context) {
  greg_t* registers = context.uc_mcontext.gregs;
  if (fault.kind != Fault::Kind::kLostRace) {
    registers[REG_RIP] += kSystemCallBytes;
    registers[REG_RAX] = -ENOMEM;
  } else {
    registers[REG_RAX] = ~registers[REG_RAX];
  }
}

}  // namespace reentry
