// SPDX-License-Identifier: Apache-2.0
// System calls without libc: errno is left alone (so `any` calls keep it for nothing), no cancellation point, nothing
// that another preload library could have interposed. Results are the kernel's own: negative errno values on failure.
//
// src/README.md lists all that the core asks of the kernel. mmap, munmap, mremap, mprotect and madvise may be used
// by plain calls at any time; all others only while the root is made, in maintenance calls, and in reports (45).
#pragma once

#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>

#include "base/lock_checks.h"

namespace reslab {

// What reports are made of: whoever dies may die anywhere.
constexpr bool is_for_reports(long number) {
  return number == SYS_write || number == SYS_getpid || number == SYS_gettid || number == SYS_tgkill ||
         number == SYS_rt_sigprocmask || number == SYS_exit_group;
}

inline long enter_kernel(long number, long a, long b, long c, long d, long e, long f);

inline long sys_call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  if (!is_for_reports(number)) check_kernel_entry();
  return enter_kernel(number, a, b, c, d, e, f);
}

#if defined(__x86_64__)
inline long enter_kernel(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
inline long enter_kernel(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "reslab has system calls for x86-64 and aarch64"
#endif

inline long sys_write(int fd, const void* data, size_t bytes) {
  return sys_call(SYS_write, fd, reinterpret_cast<long>(data), static_cast<long>(bytes));
}

}  // namespace reslab
