// SPDX-License-Identifier: Apache-2.0
// Hook points for harnesses: a five-byte NOP whose place is listed in section `reslab_hooks`, so that a test process
// patches the shipped binary itself into calls (27). Nothing else happens here; the core is built with -mno-red-zone
// because the call that replaces the NOP pushes a return address.
//
// Each is a static probe for perf, bpftrace and SystemTap as well, of provider `reslab` (docs/probes.md): a note that
// is not loaded, in the form of SystemTap's sys/sdt.h, version 3.
#pragma once

// One record: {offset of the NOP relative to the record, offset of the name relative to the record}. One note: {address
// of the NOP, of the base, of no semaphore, provider, name, no arguments}. Both go with the function they lie in ("?"),
// which may be one of several copies that the linker drops.
// clang-format off
#if defined(__x86_64__)
#define RESLAB_HOOK(name)                                         \
  asm volatile(                                                   \
      "661: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"                 \
      ".pushsection .rodata.reslab_hook_names, \"aMS\", @progbits, 1\n" \
      "662: .asciz \"" name "\"\n"                                \
      ".popsection\n"                                             \
      ".pushsection reslab_hooks, \"a?\"\n"                       \
      ".balign 4\n"                                               \
      "663: .long 661b - 663b, 662b - 663b\n"                     \
      ".popsection\n"                                             \
      ".pushsection .note.stapsdt, \"?\", \"note\"\n"             \
      ".balign 4\n"                                               \
      ".long 665f - 664f, 667f - 666f, 3\n"                       \
      "664: .asciz \"stapsdt\"\n"                                 \
      "665: .balign 4\n"                                          \
      "666: .quad 661b, _.stapsdt.base, 0\n"                      \
      ".asciz \"reslab\", \"" name "\", \"\"\n"                   \
      "667: .balign 4\n"                                          \
      ".popsection\n"                                             \
      ".ifndef _.stapsdt.base\n"                                  \
      ".pushsection .stapsdt.base, \"aG\", \"progbits\", .stapsdt.base, comdat\n" \
      ".weak _.stapsdt.base\n"                                    \
      ".hidden _.stapsdt.base\n"                                  \
      "_.stapsdt.base: .space 1\n"                                \
      ".size _.stapsdt.base, 1\n"                                 \
      ".popsection\n"                                             \
      ".endif\n" ::: "memory")
#else
#define RESLAB_HOOK(name) asm volatile("" ::: "memory")
#endif
// clang-format on
