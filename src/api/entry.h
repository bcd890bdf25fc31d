// SPDX-License-Identifier: Apache-2.0
// What a call does around the heap: the fast path, errno on failure, the contract. The malloc family (malloc/) and the
// reslab_* family (api/) are both thin names for these.
#pragma once

#include <cerrno>
#include <cstddef>

#include "api/fast.h"
#include "base/contract.h"
#include "base/thread_line.h"
#include "heap/context.h"

namespace reslab {

// What a plain call may do here: inside a nolock scope, what an `any` call may. Inlined, since the frame is the caller's.
[[gnu::always_inline]] inline Contract plain_contract(const char* call) {
  if (__builtin_expect(thread_line.nolock_depth.load(std::memory_order_relaxed) == 0, 1)) return Contract::kPlain;
  check_nolock_scope(call, RESLAB_FRAME);
  return Contract::kAny;
}

// NULL, and why: errno, but inside a nolock scope, where it is kept and the failure is counted.
void* fail_with(int error);

// NULL of an allocation of class any, counted. Cold and out of line: who comes here has no frame.
[[gnu::cold, gnu::noinline]] void* fail_nolock();

// The slow entries, out of line so that the fast path needs no stack frame. They set errno to ENOMEM on failure. Those that
// the operators delete end in are noexcept, for otherwise these would need std::terminate.
void* malloc_slow(size_t bytes);
void* calloc_slow(size_t bytes);
void free_slow(void* object) noexcept;
void* malloc_nolock_slow(size_t bytes, unsigned flags);
void* aligned_nolock_slow(size_t align, size_t bytes, unsigned flags);
void free_nolock_slow(void* object);

[[gnu::always_inline]] inline void* malloc_entry(size_t bytes) {
  void* object;
  if (__builtin_expect(fast_allocate(bytes, object), 1)) return object;
  return malloc_slow(bytes);
}

[[gnu::always_inline]] inline void free_entry(void* object) {
  if (__builtin_expect(fast_free(object), 1)) return;
  free_slow(object);
}

void* calloc_entry(size_t count, size_t bytes);
void* realloc_entry(void* object, size_t bytes);
void* reallocarray_entry(void* object, size_t count, size_t bytes);
// EINVAL for an alignment that is no power of two.
void* aligned_entry(size_t align, size_t bytes);
int posix_memalign_entry(void** out, size_t align, size_t bytes);
void free_sized_entry(void* object, size_t bytes) noexcept;
void free_aligned_sized_entry(void* object, size_t align, size_t bytes) noexcept;
size_t usable_size_entry(const void* object);

}  // namespace reslab
