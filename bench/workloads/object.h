// SPDX-License-Identifier: Apache-2.0
// What the workloads allocate: an object that knows its length and carries a stamp drawn from its address, so that two
// owners of the same memory are found, at the price of a few stores. A page of it in 4 KiB is touched, as a program would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "frame.h"

namespace workload {

struct Object {
  uint64_t stamp;
  uint64_t bytes;
};

inline constexpr size_t kLeastBytes = sizeof(Object);

inline uint64_t stamp_of(const Object* object, uint64_t bytes) {
  return (reinterpret_cast<uint64_t>(object) ^ bytes << 48) * 0x9E3779B97F4A7C15u | 1;
}

inline void touch(void* memory, size_t bytes) {
  auto* const byte = static_cast<volatile char*>(memory);
  for (size_t at = 4096; at < bytes; at += 4096) byte[at] = 1;
}

// Makes an object of what malloc returned.
inline Object* adopt(void* memory, size_t bytes) {
  auto* const object = static_cast<Object*>(memory);
  if (object == nullptr) die("malloc returned NULL");
  object->stamp = stamp_of(object, bytes);
  object->bytes = bytes;
  if (bytes > 4096) touch(object, bytes);
  return object;
}

// It may be freed now: whoever believes to own it as well finds no stamp any more.
inline void retire(Object* object) {
  if (object->stamp != stamp_of(object, object->bytes)) die("an object holds something else than was written there");
  object->stamp = 0;
}

inline Object* make(size_t bytes) { return adopt(malloc(bytes), bytes); }

inline void drop(Object* object) {
  if (object == nullptr) return;
  retire(object);
  free(object);
}

}  // namespace workload
