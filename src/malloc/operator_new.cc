// SPDX-License-Identifier: Apache-2.0
// The replaceable operators new and delete, all 20 of them.
//
// This file and cxx_runtime.cc alone are compiled with exceptions and unwind tables, since std::bad_alloc passes
// through them. They need no C++ runtime for that (55): what they use of one is reached by weak references, so that a C
// program under the preload library loads none, and a C++ program is served by whichever it has.
//
// Handlers: as malloc and free. Only when memory is short do they call the program's new-handler, and throw.

#include <cstddef>
#include <new>

#include "api/entry.h"
#include "malloc/cxx_runtime.h"

// What `catch`, and where nothing is inlined `noexcept`, below compile to, made weak: nothing throws where there is no runtime.
asm(".weak __gxx_personality_v0\n.weak __cxa_begin_catch\n.weak __cxa_end_catch\n.weak _ZSt9terminatev");

namespace reslab {

// One function, `noexcept` for those that call it alone: its definition would need std::terminate for it, in case the
// destructor of what it catches throws, and the loader would look for that at each start.
void* new_nothrow_slow(size_t bytes, size_t align) noexcept asm("reslab_new_nothrow_slow");
void* catching_new_slow(size_t bytes, size_t align) asm("reslab_new_nothrow_slow");

namespace {

constexpr size_t kDefaultAlign = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
static_assert(kDefaultAlign == 16, "what malloc gives is enough for the operators without an alignment");

void* allocate(size_t bytes, size_t align) {
  return align <= kDefaultAlign ? malloc_entry(bytes) : aligned_entry(align, bytes);
}

// nullptr: out of memory, and no handler to mend it. Ends when there is memory or no handler, or by the handler's
// exception; that it frees something, throws, or does not come back is the handler's own promise.
void* allocate_with_handler(size_t bytes, size_t align, Runtime runtime) {
  const bool is_possible = align != 0 && (align & (align - 1)) == 0;
  while (is_possible) {
    void* object = allocate(bytes, align);
    if (object != nullptr) return object;
    const std::new_handler handler = find_new_handler(runtime);
    if (handler == nullptr) return nullptr;
    handler();
  }
  return nullptr;
}

[[gnu::noinline]] void* new_slow(size_t bytes, size_t align) {
  void* object = allocate_with_handler(bytes, align, Runtime::kAny);
  if (__builtin_expect(object != nullptr, 1)) return object;
  throw_bad_alloc(bytes);
}

// The fast path of malloc, and one tail call behind it: no stack frame.
[[gnu::always_inline]] inline void* new_entry(size_t bytes) {
  void* object;
  if (__builtin_expect(fast_allocate(bytes, object), 1)) return object;
  return new_slow(bytes, kDefaultAlign);
}

[[gnu::always_inline]] inline void* new_nothrow_entry(size_t bytes) noexcept {
  void* object;
  if (__builtin_expect(fast_allocate(bytes, object), 1)) return object;
  return new_nothrow_slow(bytes, kDefaultAlign);
}

constexpr size_t bytes_of(std::align_val_t align) { return static_cast<size_t>(align); }

}  // namespace

void* catching_new_slow(size_t bytes, size_t align) {
  try {
    return allocate_with_handler(bytes, align, Runtime::kBoundAtStart);
  } catch (...) {
    return nullptr;  // the handler threw
  }
}

}  // namespace reslab

using namespace reslab;

#define RESLAB_EXPORT __attribute__((visibility("default")))

RESLAB_EXPORT void* operator new(size_t size) { return new_entry(size); }
RESLAB_EXPORT void* operator new[](size_t size) { return new_entry(size); }
RESLAB_EXPORT void* operator new(size_t size, const std::nothrow_t&) noexcept { return new_nothrow_entry(size); }
RESLAB_EXPORT void* operator new[](size_t size, const std::nothrow_t&) noexcept { return new_nothrow_entry(size); }

RESLAB_EXPORT void* operator new(size_t size, std::align_val_t align) { return new_slow(size, bytes_of(align)); }
RESLAB_EXPORT void* operator new[](size_t size, std::align_val_t align) { return new_slow(size, bytes_of(align)); }
RESLAB_EXPORT void* operator new(size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return new_nothrow_slow(size, bytes_of(align));
}
RESLAB_EXPORT void* operator new[](size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return new_nothrow_slow(size, bytes_of(align));
}

RESLAB_EXPORT void operator delete(void* ptr) noexcept { free_entry(ptr); }
RESLAB_EXPORT void operator delete[](void* ptr) noexcept { free_entry(ptr); }
RESLAB_EXPORT void operator delete(void* ptr, const std::nothrow_t&) noexcept { free_entry(ptr); }
RESLAB_EXPORT void operator delete[](void* ptr, const std::nothrow_t&) noexcept { free_entry(ptr); }
RESLAB_EXPORT void operator delete(void* ptr, std::align_val_t) noexcept { free_entry(ptr); }
RESLAB_EXPORT void operator delete[](void* ptr, std::align_val_t) noexcept { free_entry(ptr); }
RESLAB_EXPORT void operator delete(void* ptr, std::align_val_t, const std::nothrow_t&) noexcept { free_entry(ptr); }
RESLAB_EXPORT void operator delete[](void* ptr, std::align_val_t, const std::nothrow_t&) noexcept { free_entry(ptr); }

RESLAB_EXPORT void operator delete(void* ptr, size_t size) noexcept { free_sized_entry(ptr, size); }
RESLAB_EXPORT void operator delete[](void* ptr, size_t size) noexcept { free_sized_entry(ptr, size); }
RESLAB_EXPORT void operator delete(void* ptr, size_t size, std::align_val_t align) noexcept {
  free_aligned_sized_entry(ptr, bytes_of(align), size);
}
RESLAB_EXPORT void operator delete[](void* ptr, size_t size, std::align_val_t align) noexcept {
  free_aligned_sized_entry(ptr, bytes_of(align), size);
}
