// SPDX-License-Identifier: Apache-2.0
// Where a walked call may fail: at a system call, at a compare-and-swap that another thread can make it lose, and behind
// what another actor does on the way (Operation::deed).
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <vector>

namespace reentry {

struct Fault {
  enum class Kind : uint8_t { kNone, kSystemCall, kTwoSystemCalls, kLostRace, kDeed } kind = Kind::kNone;
  uintptr_t place = 0;
  // Of a lost race: the hook in front of it, behind which the next ones are lost as well. The compiler unrolls loops.
  const char* hook = nullptr;
};

const char* name_of(Fault::Kind kind);

// Fed with the instructions of a call, in their order, each when it comes for the first time.
class FaultFinder {
 public:
  static constexpr size_t kMost = 256;

  FaultFinder() { found_.reserve(kMost); }  // fed in a handler
  void look_at(uintptr_t pc);
  void add(const Fault& fault);
  const std::vector<Fault>& found() const { return found_; }

 private:
  std::vector<Fault> found_;
  const char* hook_ = nullptr;  // that was passed, and no compare-and-swap since
};

// The thread is stopped in front of the instruction at `fault.place`: it fails.
void inject(const Fault& fault, ucontext_t& context);

// Set by a state: answers a system call in the kernel's place, and steps over it; true if it has.
extern bool (*answer_system_call)(ucontext_t& context);

}  // namespace reentry
