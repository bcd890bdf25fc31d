// SPDX-License-Identifier: Apache-2.0
#include "stack_trace.h"

#include <dlfcn.h>
#include <unwind.h>

#include <cstring>

namespace examples {
namespace {

#if defined(__x86_64__)
using Register = greg_t;
Register& program_counter(ucontext_t& interrupted) { return interrupted.uc_mcontext.gregs[REG_RIP]; }

// Where the program counter goes next when it stands at a jump.
uintptr_t past_jump(uintptr_t pc) {
  const auto* const code = reinterpret_cast<const unsigned char*>(pc);
  if (code[0] == 0xe9) {
    int32_t distance;
    memcpy(&distance, code + 1, sizeof distance);
    return pc + 5 + static_cast<uintptr_t>(static_cast<intptr_t>(distance));
  }
  if (code[0] == 0xeb) return pc + 2 + static_cast<uintptr_t>(static_cast<intptr_t>(static_cast<signed char>(code[1])));
  return pc;
}

// What a handler returns to: `mov $SYS_rt_sigreturn, %rax; syscall`, by which every unwinder knows it. The registers of
// the interrupted code lie at its stack pointer.
bool returns_from_handler(uintptr_t pc) {
  return memcmp(reinterpret_cast<const void*>(pc), "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", 9) == 0;
}
#elif defined(__aarch64__)
using Register = unsigned long long;
Register& program_counter(ucontext_t& interrupted) { return interrupted.uc_mcontext.pc; }
uintptr_t past_jump(uintptr_t pc) { return pc; }
bool returns_from_handler(uintptr_t) { return false; }
#endif

bool is_code(uintptr_t pc) {
  dl_find_object found;
  return _dl_find_object(reinterpret_cast<void*>(pc), &found) == 0;
}

// One walk: it begins in this file, passes the handler and the signal's frame, and counts from the interrupted frame on.
//
// A restartable sequence (malloc's fast path is one) that a signal has aborted stands at a jump back into its function,
// and that jump lies outside of it, without unwind tables. So jumps are taken in advance, in the registers that the
// kernel has saved for each signal on the stack; a jump changes nothing but the program counter. They get it back
// afterwards: until their handlers return nobody else looks at them.
class Walk {
 public:
  Walk(uintptr_t* frames, size_t most) : frames_(frames), most_(most) {}

  size_t run(ucontext_t* interrupted) {
    take_jump(*interrupted);
    first_ = static_cast<uintptr_t>(program_counter(*interrupted));
    _Unwind_Backtrace([](_Unwind_Context* at, void* self) { return static_cast<Walk*>(self)->visit(at); }, this);
    while (taken_count_ > 0) {
      const Taken& taken = taken_[--taken_count_];
      *taken.place = taken.original;
    }
    return count_;
  }

 private:
  static constexpr size_t kMostSignals = 8;  // on one stack, each having interrupted the other's handler

  struct Taken {
    Register* place;
    Register original;
  };

  _Unwind_Reason_Code visit(_Unwind_Context* context) {
    const uintptr_t pc = _Unwind_GetIP(context);
    if (count_ == 0 && pc != first_) return _URC_NO_REASON;
    if (pc == 0 || count_ == most_) return _URC_END_OF_STACK;
    frames_[count_++] = pc;
    // What the unwinder calls the frame's CFA here is the stack pointer in it.
    if (is_code(pc) && returns_from_handler(pc)) take_jump(*reinterpret_cast<ucontext_t*>(_Unwind_GetCFA(context)));
    return _URC_NO_REASON;
  }

  void take_jump(ucontext_t& interrupted) {
    Register& register_of_pc = program_counter(interrupted);
    const Register original = register_of_pc;
    const auto pc = static_cast<uintptr_t>(original);
    if (taken_count_ == kMostSignals || !is_code(pc)) return;  // a jump to nowhere is what has crashed
    taken_[taken_count_++] = {&register_of_pc, original};
    register_of_pc = static_cast<Register>(past_jump(pc));
  }

  uintptr_t* const frames_;
  const size_t most_;
  uintptr_t first_ = 0;
  size_t count_ = 0;
  Taken taken_[kMostSignals];
  size_t taken_count_ = 0;
};

}  // namespace

void prepare_stack_walks() {
  _Unwind_Backtrace([](_Unwind_Context*, void*) { return _URC_END_OF_STACK; }, nullptr);
}

size_t walk_interrupted_stack(ucontext_t* interrupted, uintptr_t* frames, size_t most) {
  if (most == 0) return 0;
  frames[0] = static_cast<uintptr_t>(program_counter(*interrupted));
  const size_t count = Walk(frames, most).run(interrupted);
  return count == 0 ? 1 : count;  // without unwind tables there is the interrupted instruction alone
}

}  // namespace examples
