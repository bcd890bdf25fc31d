// SPDX-License-Identifier: Apache-2.0
#include "platform/fork_child.h"

// What pthread_atfork calls in glibc, which links that one into each library, with a handle to unregister by; this library
// is never unloaded. Weak: another libc has none.
extern "C" int __register_atfork(void (*prepare)(), void (*parent)(), void (*child)(), void* handle)
    __attribute__((weak));

namespace reslab {

void register_fork_child(void (*function)()) {
  if (__register_atfork != nullptr) __register_atfork(nullptr, nullptr, function, nullptr);
}

}  // namespace reslab
