// SPDX-License-Identifier: Apache-2.0
// The fast path: one restartable section between a table lookup and the caller. No stack frame, no call, no thread-local
// object; whatever is not the common case is one tail call to the slow entry with the same arguments.
//
// Every entry point that allocates or frees is one of these inlined; nothing else in the library is on the fast path.
#pragma once

#include <cstddef>
#include <cstdint>

#include "arena/geometry.h"
#include "cache/magazine.h"
#include "platform/fast_path.h"
#include "platform/rseq.h"
#include "slab/size_classes.h"

namespace reslab {

// False: take the slow way, for whatever reason.
[[gnu::always_inline]] inline bool fast_allocate(size_t bytes, void*& object) {
  // acquire: what the section reads of the root is loaded behind this, also if a handler has just made it.
  if (__builtin_expect(bytes >= fast_path.size_limit.load(std::memory_order_acquire), 0)) return false;
  const PopResult popped = section_pop(kSizeClasses.by_size[(bytes + 15) >> 4]);
  object = popped.object;
  return popped.section == Section::kDone;
}

// The class of the object that starts there, among the `arena_bytes` of the window; false if there is none (15).
[[gnu::always_inline]] inline bool find_class(const void* object, size_t arena_bytes, ClassId& cls) {
  const auto address = reinterpret_cast<uintptr_t>(object);
  const uintptr_t offset = address - fast_path.arena_base.load(std::memory_order_relaxed);
  if (__builtin_expect(offset >= arena_bytes, 0)) return false;
  const uint32_t entry = fast_path.class_of.load(std::memory_order_relaxed)[address >> kUnitShift];
  const StartTest& test = fast_path.start_tests.load(std::memory_order_relaxed)[entry_class(entry)];
  const uint64_t in_slab = (uint64_t{entry_place(entry)} << kUnitShift) | (address & (kUnitBytes - 1));
  // Classes without slabs pass (both values are 0) and find a magazine that is closed for ever.
  cls = entry_class(entry);
  return __builtin_expect(in_slab * test.inverse <= test.last, 1);
}

// False: take the slow way. Tests on the way that the pointer is the start of an object of ours and not the one that was
// freed last (15).
[[gnu::always_inline]] inline bool fast_free(void* object) {
  // acquire, and the limit before the base: a handler or another thread may make the root between the two loads, and a base
  // that was read as 0 would let NULL pass below the limit.
  const size_t arena_bytes = fast_path.arena_bytes.load(std::memory_order_acquire);
  ClassId cls;
  return find_class(object, arena_bytes, cls) && section_push(cls, object) == Section::kDone;
}

// The same two for a class that is known, of a typed cache. 0 is no class: its magazine is closed for ever. Not the size
// limit, but the other one says whether there is a fast path: scopes of groups are not for caches.
[[gnu::always_inline]] inline bool fast_allocate_of(ClassId cls, void*& object) {
  if (__builtin_expect(cls >= fast_path.arena_bytes.load(std::memory_order_acquire), 0)) return false;
  const PopResult popped = section_pop(cls);
  object = popped.object;
  return popped.section == Section::kDone;
}

// Is this the start of an object of the class? The test is loaded for the class that is expected, not for the one that
// is found, so the section waits for neither.
[[gnu::always_inline]] inline bool is_object_of(ClassId cls, const void* object, size_t arena_bytes) {
  const auto address = reinterpret_cast<uintptr_t>(object);
  if (__builtin_expect(address - fast_path.arena_base.load(std::memory_order_relaxed) >= arena_bytes, 0)) return false;
  const uint32_t entry = fast_path.class_of.load(std::memory_order_relaxed)[address >> kUnitShift];
  const StartTest& test = fast_path.start_tests.load(std::memory_order_relaxed)[cls];
  const uint64_t in_slab = (uint64_t{entry_place(entry)} << kUnitShift) | (address & (kUnitBytes - 1));
  return __builtin_expect(entry_class(entry) == cls && in_slab * test.inverse <= test.last, 1);
}

[[gnu::always_inline]] inline bool fast_free_of(ClassId cls, void* object) {
  const size_t arena_bytes = fast_path.arena_bytes.load(std::memory_order_acquire);  // before the base, see fast_free
  return is_object_of(cls, object, arena_bytes) && section_push(cls, object) == Section::kDone;
}

// The same two without restartable sections: one atomic operation each. They stand at the head of the slow entries.
[[gnu::always_inline]] inline bool fallback_allocate(size_t bytes, void*& object) {
  if (bytes >= fallback_path.size_limit.load(std::memory_order_acquire)) return false;
  const PopResult popped = fallback_pop(kSizeClasses.by_size[(bytes + 15) >> 4]);
  object = popped.object;
  return popped.section == Section::kDone;
}
[[gnu::always_inline]] inline bool fallback_free(void* object) {
  ClassId cls;
  const size_t arena_bytes = fallback_path.arena_bytes.load(std::memory_order_acquire);
  return arena_bytes != 0 && find_class(object, arena_bytes, cls) && fallback_push(cls, object) == Section::kDone;
}

[[gnu::always_inline]] inline bool fallback_allocate_of(ClassId cls, void*& object) {
  if (cls >= fallback_path.arena_bytes.load(std::memory_order_acquire)) return false;
  const PopResult popped = fallback_pop(cls);
  object = popped.object;
  return popped.section == Section::kDone;
}
[[gnu::always_inline]] inline bool fallback_free_of(ClassId cls, void* object) {
  const size_t arena_bytes = fallback_path.arena_bytes.load(std::memory_order_acquire);
  return arena_bytes != 0 && is_object_of(cls, object, arena_bytes) && fallback_push(cls, object) == Section::kDone;
}

}  // namespace reslab
