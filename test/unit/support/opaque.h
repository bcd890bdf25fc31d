// SPDX-License-Identifier: Apache-2.0
// Declarations of allocating functions promise the compiler alignment, size and freshness, and it believes them: a test
// of such a promise would be folded away. What comes back from here is a pointer of which nothing is known.
#pragma once

#include <cstdint>

namespace unit {

template <class T>
T* opaque(T* pointer) {
  asm volatile("" : "+r"(pointer));
  return pointer;
}

inline uintptr_t address_of(const void* pointer) { return reinterpret_cast<uintptr_t>(opaque(pointer)); }

inline bool is_aligned(const void* pointer, size_t alignment) { return address_of(pointer) % alignment == 0; }

}  // namespace unit
