// SPDX-License-Identifier: Apache-2.0
// vfork, where reslab is the malloc. The child of a native vfork runs in its parent's memory with the parent's rseq
// registration gone: its sections would no longer be aborted, and a malloc in the child of a threaded program would
// corrupt the parent's heap (10). POSIX lets vfork be fork, so it is, unless the option vfork=native says otherwise;
// then the child must not allocate.

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/options.h"

extern "C" {
__attribute__((visibility("hidden"))) extern const char reslab_vfork = 0;  // see malloc.cc

// Chosen and failed out of line, for the assembly below.
__attribute__((visibility("hidden"), used)) int reslab_vfork_is_native() {
  return reslab::option_vfork_native() ? 1 : 0;
}

__attribute__((visibility("hidden"), used)) int reslab_vfork_failed(long result) {
  errno = static_cast<int>(-result);
  return -1;
}
}

#if defined(__x86_64__)

#define TEXT_OF(number) TEXT_OF_EXPANDED(number)
#define TEXT_OF_EXPANDED(number) #number

// The child returns from here first, into the caller's frame, and overwrites the return address on the stack that the
// parent still needs: so that address waits in rdi, a register, which the system call keeps.
asm(
    "  .text\n"
    "  .globl vfork\n"
    "  .type vfork, @function\n"
    "  .p2align 4\n"
    "vfork:\n"
    "  .cfi_startproc\n"
    "  endbr64\n"
    "  subq $8, %rsp\n"
    "  .cfi_adjust_cfa_offset 8\n"
    "  call reslab_vfork_is_native\n"
    "  addq $8, %rsp\n"
    "  .cfi_adjust_cfa_offset -8\n"
    "  testl %eax, %eax\n"
    "  jnz 1f\n"
    "  jmp *fork@GOTPCREL(%rip)\n"
    "1:\n"
    "  popq %rdi\n"
    "  .cfi_adjust_cfa_offset -8\n"
    "  .cfi_register %rip, %rdi\n"
    "  movl $" TEXT_OF(SYS_vfork) ", %eax\n"
    "  syscall\n"
    "  pushq %rdi\n"
    "  .cfi_adjust_cfa_offset 8\n"
    "  .cfi_offset %rip, -8\n"
    "  testq %rax, %rax\n"
    "  js 2f\n"
    "  ret\n"
    "2:\n"
    "  movq %rax, %rdi\n"
    "  jmp reslab_vfork_failed\n"
    "  .cfi_endproc\n"
    "  .size vfork, . - vfork\n");

#else

extern "C" __attribute__((visibility("default"))) pid_t vfork() noexcept { return fork(); }

#endif
