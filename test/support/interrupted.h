// SPDX-License-Identifier: Apache-2.0
// Where a handler's signal hit: the program counter of the code that it interrupted.
#pragma once

#include <stdint.h>
#include <ucontext.h>

namespace support {

inline uintptr_t interrupted_pc(const void* context) {
  const mcontext_t& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return static_cast<uintptr_t>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return machine.pc;
#else
#error "where does this architecture keep the interrupted program counter?"
#endif
}

}  // namespace support
