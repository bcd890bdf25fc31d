// SPDX-License-Identifier: Apache-2.0
#include "malloc/cxx_runtime.h"

#include <dlfcn.h>

#include "base/report.h"
#include "base/text.h"

// All weak: a C program loads no runtime for the sake of its malloc.
namespace std {
extern "C++" new_handler get_new_handler() noexcept __attribute__((weak));
// Of both runtimes, beneath their containers: throws std::bad_alloc.
void __throw_bad_alloc() __attribute__((weak, noreturn));
}  // namespace std

extern "C" {
#ifdef RESLAB_STATIC
// Itanium C++ ABI: what `throw std::bad_alloc()` compiles to.
void* __cxa_allocate_exception(size_t bytes) noexcept __attribute__((weak));
void __cxa_throw(void* exception, void* type, void (*destroy)(void*)) __attribute__((weak, noreturn));
extern char reslab_bad_alloc_type[] __asm__("_ZTISt9bad_alloc") __attribute__((weak));
extern void* reslab_bad_alloc_vtable[] __asm__("_ZTVSt9bad_alloc") __attribute__((weak));
void reslab_bad_alloc_destroy(void*) __asm__("_ZNSt9bad_allocD1Ev") __attribute__((weak));
#endif

// A static program has it only if it uses it itself. It leads to dlopen, which a static program should not even name.
void* dlsym(void* handle, const char* name) noexcept __attribute__((weak));
}

namespace reslab {
namespace {

constexpr const char* kRuntimes[] = {"libstdc++.so.6", "libc++abi.so.1", "libc++.so.1"};

// A function of a runtime that came with a plugin, after this library was bound and in a scope of its own: python3 with
// an extension in C++. Takes the loader's lock; the choice is between that and the end of the process. The caller is
// code of that plugin, so the runtime stays where it is.
void* find_in_plugins(const char* name) {
  if (dlsym == nullptr) return nullptr;
  const auto open = reinterpret_cast<decltype(&dlopen)>(dlsym(RTLD_DEFAULT, "dlopen"));
  const auto close = reinterpret_cast<decltype(&dlclose)>(dlsym(RTLD_DEFAULT, "dlclose"));
  if (open == nullptr || close == nullptr) return nullptr;
  for (const char* library : kRuntimes) {
    void* handle = open(library, RTLD_LAZY | RTLD_NOLOAD);
    if (handle == nullptr) continue;
    void* function = dlsym(handle, name);
    close(handle);
    if (function != nullptr) return function;
  }
  return nullptr;
}

// For a static program that uses no container, and so lacks __throw_bad_alloc but has what `catch` needs. The exception
// is one pointer, behind the vtable's offset-to-top and type. Not in the shared library: there it would be five names that
// the loader looks for in vain at the start of each C program.
void throw_by_abi() {
#ifdef RESLAB_STATIC
  if (__cxa_allocate_exception == nullptr || __cxa_throw == nullptr || reslab_bad_alloc_destroy == nullptr) return;
  if (reslab_bad_alloc_type == nullptr || reslab_bad_alloc_vtable == nullptr) return;
  void* exception = __cxa_allocate_exception(sizeof(std::bad_alloc));
  *static_cast<void**>(exception) = &reslab_bad_alloc_vtable[2];
  __cxa_throw(exception, reslab_bad_alloc_type, reslab_bad_alloc_destroy);
#endif
}

}  // namespace

std::new_handler find_new_handler(Runtime runtime) {
  if (std::get_new_handler != nullptr) return std::get_new_handler();
  if (runtime == Runtime::kBoundAtStart) return nullptr;
  using Getter = std::new_handler (*)() noexcept;
  const auto getter = reinterpret_cast<Getter>(find_in_plugins("_ZSt15get_new_handlerv"));
  return getter == nullptr ? nullptr : getter();
}

void throw_bad_alloc(size_t bytes) {
  if (std::__throw_bad_alloc != nullptr) std::__throw_bad_alloc();
  throw_by_abi();
  const auto thrower = reinterpret_cast<void (*)()>(find_in_plugins("_ZSt17__throw_bad_allocv"));
  if (thrower != nullptr) thrower();
  Line line;
  line.text("reslab: operator new: out of memory for ").dec(bytes);
  line.text(" bytes, and no C++ runtime to throw std::bad_alloc");
  die(line);
}

}  // namespace reslab
