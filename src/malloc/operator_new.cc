// The replaceable operators new and delete, all 22 of them.
//
// This file alone is compiled with exceptions and unwind tables, since std::bad_alloc passes through it. It needs no C++
// runtime for that (55): what it uses of one is reached by weak references, so that a C program under the preload library
// loads no libstdc++, and a C++ program is served by whichever runtime it has, libstdc++ or libc++.
//
// Handlers: as malloc and free. Only when memory is short do they call the program's new-handler, and throw.

#include <cstddef>
#include <new>

#include "base/report.h"
#include "base/text.h"
#include "malloc/entry.h"

// What `catch` and `noexcept` below compile to, made weak: nothing throws where there is no runtime.
asm(".weak __gxx_personality_v0\n.weak __cxa_begin_catch\n.weak __cxa_end_catch\n.weak _ZSt9terminatev");

namespace std {
extern "C++" new_handler get_new_handler() noexcept __attribute__((weak));
// Of both runtimes, beneath their containers: throws std::bad_alloc.
void __throw_bad_alloc() __attribute__((weak, noreturn));
}  // namespace std

// A static program that uses no container may lack __throw_bad_alloc, but has these by the Itanium C++ ABI.
extern "C" {
void* __cxa_allocate_exception(size_t bytes) noexcept __attribute__((weak));
void __cxa_throw(void* exception, void* type, void (*destroy)(void*)) __attribute__((weak, noreturn));
extern char reslab_bad_alloc_type[] __asm__("_ZTISt9bad_alloc") __attribute__((weak));
extern void* reslab_bad_alloc_vtable[] __asm__("_ZTVSt9bad_alloc") __attribute__((weak));
void reslab_bad_alloc_destroy(void*) __asm__("_ZNSt9bad_allocD1Ev") __attribute__((weak));
}

namespace reslab {
namespace {

constexpr size_t kDefaultAlign = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
static_assert(kDefaultAlign == 16, "what malloc gives is enough for the operators without an alignment");

// throw std::bad_alloc(), by hand: the object is a pointer behind the vtable's offset-to-top and type.
void throw_bad_alloc_by_abi() {
  if (__cxa_allocate_exception == nullptr || __cxa_throw == nullptr || reslab_bad_alloc_destroy == nullptr) return;
  if (reslab_bad_alloc_type == nullptr || reslab_bad_alloc_vtable == nullptr) return;
  void* exception = __cxa_allocate_exception(sizeof(std::bad_alloc));
  *static_cast<void**>(exception) = &reslab_bad_alloc_vtable[2];
  __cxa_throw(exception, reslab_bad_alloc_type, reslab_bad_alloc_destroy);
}

[[noreturn]] void throw_bad_alloc(size_t bytes) {
  if (std::__throw_bad_alloc != nullptr) std::__throw_bad_alloc();
  throw_bad_alloc_by_abi();
  Line line;
  line.text("reslab: operator new: out of memory for ").dec(bytes).text(" bytes, and no C++ runtime to throw bad_alloc");
  die(line);
}

void* allocate(size_t bytes, size_t align) {
  return align <= kDefaultAlign ? malloc_entry(bytes) : aligned_entry(align, bytes);
}

// False: there is none. The handler frees something, throws, or does not come back; a program without a runtime has none.
bool run_new_handler() {
  const std::new_handler handler = std::get_new_handler == nullptr ? nullptr : std::get_new_handler();
  if (handler == nullptr) return false;
  handler();
  return true;
}

// Ends when there is memory, or no handler, or by the handler's exception: what else a handler does is its own promise.
void* allocate_with_handler(size_t bytes, size_t align) {
  const bool is_possible = (align & (align - 1)) == 0 && align != 0;
  while (is_possible) {
    void* object = allocate(bytes, align);
    if (object != nullptr) return object;
    if (!run_new_handler()) return nullptr;
  }
  return nullptr;
}

[[gnu::noinline]] void* new_slow(size_t bytes, size_t align) {
  void* object = allocate_with_handler(bytes, align);
  if (__builtin_expect(object != nullptr, 1)) return object;
  throw_bad_alloc(bytes);
}

[[gnu::noinline]] void* new_nothrow_slow(size_t bytes, size_t align) noexcept {
  try {
    return allocate_with_handler(bytes, align);
  } catch (...) {
    return nullptr;  // the handler threw
  }
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
