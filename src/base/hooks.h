// Hook points for harnesses: a five-byte NOP whose place is listed in section `reslab_hooks`, so that a test process
// patches the shipped binary itself into calls (27). Nothing else happens here; the core is built with -mno-red-zone
// because the call that replaces the NOP pushes a return address.
#pragma once

// One record: {offset of the NOP relative to the record, offset of the name relative to the record}.
// clang-format off
#if defined(__x86_64__)
#define RESLAB_HOOK(name)                                         \
  asm volatile(                                                   \
      "661: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"                 \
      ".pushsection .rodata.reslab_hook_names, \"aMS\", @progbits, 1\n" \
      "662: .asciz \"" name "\"\n"                                \
      ".popsection\n"                                             \
      ".pushsection reslab_hooks, \"a\"\n"                        \
      ".balign 4\n"                                               \
      "663: .long 661b - 663b, 662b - 663b\n"                     \
      ".popsection\n" ::: "memory")
#else
#define RESLAB_HOOK(name) asm volatile("" ::: "memory")
#endif
// clang-format on
