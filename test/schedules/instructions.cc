// SPDX-License-Identifier: Apache-2.0
#include "instructions.h"

#include <cstdint>

namespace schedules {
namespace {

bool is_prefix(unsigned char byte) {
  constexpr unsigned char kOperandSize = 0x66, kFs = 0x64, kGs = 0x65, kRepeatNot = 0xf2, kRepeat = 0xf3;
  return byte == kOperandSize || byte == kFs || byte == kGs || byte == kRepeatNot || byte == kRepeat;
}

bool is_rex(unsigned char byte) { return byte >> 4 == 4; }

// The ModRM byte, with the SIB byte and the displacement that it asks for.
size_t address_length(const unsigned char* modrm) {
  const unsigned mode = modrm[0] >> 6, base = modrm[0] & 7;
  if (mode == 3) return 1;
  const bool has_sib = base == 4;
  const bool has_no_base = mode == 0 && (has_sib ? (modrm[1] & 7) == 5 : base == 5);
  return 1 + (has_sib ? 1 : 0) + (mode == 1 ? 1 : mode == 2 || has_no_base ? 4 : 0);
}

constexpr size_t kUnknown = SIZE_MAX;

// Behind the opcode; of those with two bytes, 0x0f and one more.
size_t rest_of_two_byte(const unsigned char* opcode) {
  const unsigned high = opcode[0] >> 4;
  if (high == 8) return 4;                                            // jcc
  if (high == 4 || high == 9) return address_length(opcode + 1);      // cmovcc, setcc
  if ((opcode[0] & 0xf6) == 0xb6) return address_length(opcode + 1);  // movzx, movsx
  return kUnknown;
}

size_t rest_of_one_byte(const unsigned char* opcode) {
  const unsigned char code = opcode[0];
  if (code < 0x40 && (code & 7) < 4) return address_length(opcode + 1);  // add or adc sbb and sub xor cmp
  if (code < 0x40 && (code & 7) == 5) return 4;                          // the same with eax
  if (code >> 4 == 7 || code == 0xeb) return 1;                          // jcc, jmp
  if (code == 0xe9) return 4;                                            // jmp
  if (code == 0x83 || code == 0xc1 || code == 0xc6) return address_length(opcode + 1) + 1;
  if (code == 0x81 || code == 0xc7 || code == 0x69) return address_length(opcode + 1) + 4;
  if (code >= 0x84 && code <= 0x8b) return address_length(opcode + 1);  // test xchg mov
  if (code == 0x8d || code == 0x63) return address_length(opcode + 1);  // lea, movsxd
  if (code == 0xd1 || code == 0xd3 || code == 0xff) return address_length(opcode + 1);
  if (code == 0xf7) return address_length(opcode + 1) + ((opcode[1] >> 3 & 7) < 2 ? 4 : 0);
  if (code == 0xa5 || code == 0x90) return 0;  // movs, nop
  return kUnknown;
}

}  // namespace

size_t instruction_length(const unsigned char* at) {
  const unsigned char* opcode = at;
  while (is_prefix(*opcode)) ++opcode;
  if (is_rex(*opcode)) ++opcode;
  const bool is_long = opcode[0] == 0x0f;
  if (is_long) ++opcode;
  const size_t rest = is_long ? rest_of_two_byte(opcode) : rest_of_one_byte(opcode);
  return rest == kUnknown ? 0 : static_cast<size_t>(opcode - at) + 1 + rest;
}

bool is_repeated(const unsigned char* at) { return at[0] == 0xf3 || at[0] == 0xf2; }

}  // namespace schedules
