// SPDX-License-Identifier: Apache-2.0
#include "instructions.h"

namespace reentry {
namespace {

const unsigned char* code_at(uintptr_t pc) { return reinterpret_cast<const unsigned char*>(pc); }

}  // namespace

bool is_system_call(uintptr_t pc) { return code_at(pc)[0] == 0x0f && code_at(pc)[1] == 0x05; }

bool is_atomic(uintptr_t pc) {
  const unsigned char* code = code_at(pc);
  const unsigned char* opcode = (code[0] & 0xf0) == 0x40 ? code + 1 : code;
  return code[0] == 0xf0 || ((opcode[0] == 0x86 || opcode[0] == 0x87) && (opcode[1] & 0xc0) != 0xc0);
}

// lock cmpxchg, with or without a REX prefix.
bool is_compare_and_swap(uintptr_t pc) {
  const unsigned char* code = code_at(pc);
  if (code[0] != 0xf0) return false;
  const unsigned char* opcode = code + ((code[1] & 0xf0) == 0x40 ? 2 : 1);
  return opcode[0] == 0x0f && (opcode[1] == 0xb1 || opcode[1] == 0xb0);
}

}  // namespace reentry
