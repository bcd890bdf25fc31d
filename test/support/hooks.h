// SPDX-License-Identifier: Apache-2.0
// Calls from inside the library, at places it has prepared for that.
//
// reslab marks the spots between two steps of its lock-free operations by a five-byte NOP each, and lists them in the
// section `reslab_hooks` as pairs of 32-bit numbers: {offset of the NOP from this record, offset of its name from this
// record} (src/base/hooks.h). This patches the NOPs of a name into calls, in whatever is loaded: the shipped
// libreslab.so, or a program that has the library linked in. So the binary that is proved is the one that ships (27).
//
//   code before     0f 1f 44 00 00     nopl 0(%rax,%rax)
//   code after      e8 xx xx xx xx     call stub -> trampoline -> callback
//
// The trampoline saves all general registers, the flags, and the x87 and SSE state: the code around the NOP knows
// nothing of a call there. It does not save the upper halves of AVX registers, which code built for baseline x86-64
// keeps nothing in. The library is built without a red zone, so the return address overwrites nothing.
//
// A callback runs in the middle of the operation, on its stack, and may call the library again: that is the point of
// it. Whoever does so guards against its own recursion, since nested calls pass the same NOPs.
//
// Hooks are set and removed while no other thread runs in the library. x86-64 only.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace support {

using HookCallback = void (*)(void* context);

// The names of the hooks that are there, each once, in alphabetical order.
std::vector<std::string> hook_names();

// While it lives, `callback(context)` is called wherever the library passes the hook `name`. A name that nothing is
// marked with ends the process with a message: a test that waits for it could only pass by accident.
class Hook {
 public:
  Hook(const char* name, HookCallback callback, void* context = nullptr);
  ~Hook();
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;

  size_t sites() const { return sites_.size(); }

 private:
  size_t number_;
  std::vector<char*> sites_;
};

}  // namespace support
