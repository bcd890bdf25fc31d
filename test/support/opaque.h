// SPDX-License-Identifier: Apache-2.0
// A pointer of which the compiler knows nothing: it believes what the declarations of malloc promise, and would fold away
// what tests of them look at.
#pragma once

namespace support {

template <class T>
T* opaque(T* pointer) {
  asm volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

}  // namespace support
