// SPDX-License-Identifier: Apache-2.0
// The sections of platform/rseq.h for aarch64. Include that file instead. The shape is that of rseq_x86_64.h.
//
// What the kernel asks of a section here, and where it is: the descriptor is 32 bytes, aligned to 32, in __rseq_cs; the
// store of its address into rseq_cs stands before label 1, so that the section is armed when it begins; from 1 to 2 there
// is no call, no exclusive load or store, and one store that others see, the last instruction. The word before the abort
// handler is the signature, which reads as a brk. Plain stores suffice for the commit: who reads it on this CPU comes after
// it in order, and whoever closes a magazine from another CPU waits for the membarrier first (3). `end` is loaded by ldar
// ahead of `top`: the two loads would be free to change places otherwise (1).
//
// The abort on real hardware has not been tested: auto takes the fallback on this architecture (platform/cpu.cc).
#pragma once

#include "platform/fast_path.h"
#include "platform/region.h"
#include "platform/rseq.h"

namespace reslab {

// The assembly is laid out by hand. The exit points are for debuggers, which read the file: they are not loaded, and cost
// no process's start a relocation.
// clang-format off

#define RESLAB_RSEQ_BEGIN                                      \
  ".pushsection __rseq_cs, \"aw?\"\n"                          \
  ".balign 32\n"                                               \
  "3:\n"                                                       \
  ".long 0, 0\n"                                               \
  ".quad 1f, 2f - 1f, 4f\n"                                    \
  ".popsection\n"                                              \
  ".pushsection __rseq_exit_point_array, \"?\"\n"              \
  ".quad 1f, %l[boundary]\n"                                   \
  ".popsection\n"                                              \
  "adrp %[region], 3b\n"                                       \
  "add %[region], %[region], :lo12:3b\n"                       \
  "str %[region], [%[rseq], #8]\n" /* rseq_cs */               \
  "1:\n"                                                       \
  "ldr %w[region], [%[rseq], #4]\n" /* cpu_id */               \
  "cmp %w[region], #0\n"                                       \
  "b.lt %l[unregistered]\n"                                    \
  "ldr %w[region], [%[slot]]\n"                                \
  "add %[region], %[regions], %[region], lsl #19\n" /* kRegionShift */ \
  "add %[header], %[region], %[cls], lsl #3\n"

#define RESLAB_RSEQ_END                                        \
  "2:\n"                                                       \
  ".pushsection .text.reslab_rseq_abort, \"ax?\"\n"            \
  ".inst 0xd428bc00\n" /* kRseqSignature */                    \
  "4:\n"                                                       \
  "b %l[aborted]\n"                                            \
  ".popsection\n"

#define RESLAB_RSEQ_INPUTS                                                                                     \
  [rseq] "r"(thread_pointer() + fast_path.rseq_offset.load(std::memory_order_relaxed)),                        \
      [slot] "r"(thread_pointer() + fast_path.slot_offset.load(std::memory_order_relaxed)),                    \
      [regions] "r"(fast_path.regions.load(std::memory_order_relaxed))

static_assert(kRegionShift == 19 && kClosedTop == 12 << 12 && kRseqSignature == 0xd428bc00,
              "written out in the assembly above and below");

[[gnu::always_inline]] inline char* thread_pointer() { return static_cast<char*>(__builtin_thread_pointer()); }

[[gnu::always_inline]] inline PopResult section_pop(uintptr_t cls) {
  uintptr_t region, top, header;
  void* object;
  asm volatile goto(
      RESLAB_RSEQ_BEGIN
      "ldr %w[top], [%[header]]\n"
      "add %[region], %[region], %[top], lsl #3\n"
      "ldur %[object], [%[region], #-8]\n"
      "cbz %[object], %l[boundary]\n"
      "sub %w[top], %w[top], #1\n"
      "str %w[top], [%[header]]\n"  // commit
      RESLAB_RSEQ_END
      : [region] "=&r"(region), [top] "=&r"(top), [object] "=&r"(object), [header] "=&r"(header)
      : RESLAB_RSEQ_INPUTS, [cls] "r"(cls)
      : "memory", "cc"
      : boundary, aborted, unregistered);
  return {object, Section::kDone};
boundary:
  return {nullptr, Section::kBoundary};
aborted:
  return {nullptr, Section::kAborted};
unregistered:
  return {nullptr, Section::kUnregistered};
}

[[gnu::always_inline]] inline Section section_push(uintptr_t cls, void* object) {
  uintptr_t region, top, end, header;
  asm volatile goto(
      RESLAB_RSEQ_BEGIN
      "add %[end], %[header], #4\n"
      "ldar %w[end], [%[end]]\n"  // end before top (1)
      "ldr %w[top], [%[header]]\n"
      "cmp %w[top], %w[end]\n"
      "b.hs %l[boundary]\n"
      "add %[region], %[region], %[top], lsl #3\n"
      "ldur %[end], [%[region], #-8]\n"
      "cmp %[end], %[object]\n"
      "b.eq %l[same_as_top]\n"
      "str %[object], [%[region]]\n"
      "add %w[top], %w[top], #1\n"
      "str %w[top], [%[header]]\n"  // commit
      RESLAB_RSEQ_END
      : [region] "=&r"(region), [top] "=&r"(top), [end] "=&r"(end), [header] "=&r"(header)
      : RESLAB_RSEQ_INPUTS, [cls] "r"(cls), [object] "r"(object)
      : "memory", "cc"
      : boundary, same_as_top, aborted, unregistered);
  return Section::kDone;
boundary:
  return Section::kBoundary;
same_as_top:
  return Section::kSameAsTop;
aborted:
  return Section::kAborted;
unregistered:
  return Section::kUnregistered;
}

// The copies may be aborted between any two words: what they have written is nobody's then.
#define RESLAB_RSEQ_COPY                                       \
  "cbz %w[left], 6f\n"                                         \
  "5:\n"                                                       \
  "ldr %[word], [%[source]], #8\n"                             \
  "str %[word], [%[target]], #8\n"                             \
  "subs %w[left], %w[left], #1\n"                              \
  "b.ne 5b\n"                                                  \
  "6:\n"

inline BatchResult section_pop_batch(uintptr_t cls, uint32_t begin, void** out, uint32_t n) {
  uintptr_t region, top, count, source, left, header, word;
  void** target = out;
  asm volatile goto(
      RESLAB_RSEQ_BEGIN
      "ldr %w[top], [%[header]]\n"
      "cmp %w[top], #12, lsl #12\n"  // kClosedTop
      "b.eq %l[boundary]\n"
      "subs %w[count], %w[top], %w[begin]\n"
      "b.le %l[boundary]\n"
      "cmp %w[count], %w[n]\n"
      "csel %w[count], %w[count], %w[n], ls\n"
      "sub %w[top], %w[top], %w[count]\n"
      "add %[source], %[region], %[top], lsl #3\n"
      "mov %w[left], %w[count]\n"
      RESLAB_RSEQ_COPY
      "str %w[top], [%[header]]\n"  // commit
      RESLAB_RSEQ_END
      : [region] "=&r"(region), [top] "=&r"(top), [count] "=&r"(count), [source] "=&r"(source), [left] "=&r"(left),
        [header] "=&r"(header), [word] "=&r"(word), [target] "+&r"(target)
      : RESLAB_RSEQ_INPUTS, [cls] "r"(cls), [begin] "r"(begin), [n] "r"(n)
      : "memory", "cc"
      : boundary, aborted, unregistered);
  return {static_cast<uint32_t>(count), Section::kDone};
boundary:
  return {0, Section::kBoundary};
aborted:
  return {0, Section::kAborted};
unregistered:
  return {0, Section::kUnregistered};
}

inline BatchResult section_push_batch(uintptr_t cls, void* const* in, uint32_t n) {
  uintptr_t region, top, count, target, left, header, word;
  void* const* source = in;
  asm volatile goto(
      RESLAB_RSEQ_BEGIN
      "add %[count], %[header], #4\n"
      "ldar %w[count], [%[count]]\n"  // end before top (1)
      "ldr %w[top], [%[header]]\n"
      "subs %w[count], %w[count], %w[top]\n"
      "b.ls %l[boundary]\n"
      "cmp %w[count], %w[n]\n"
      "csel %w[count], %w[count], %w[n], ls\n"
      "add %[target], %[region], %[top], lsl #3\n"
      "mov %w[left], %w[count]\n"
      "add %w[top], %w[top], %w[count]\n"
      RESLAB_RSEQ_COPY
      "str %w[top], [%[header]]\n"  // commit
      RESLAB_RSEQ_END
      : [region] "=&r"(region), [top] "=&r"(top), [count] "=&r"(count), [target] "=&r"(target), [left] "=&r"(left),
        [header] "=&r"(header), [word] "=&r"(word), [source] "+&r"(source)
      : RESLAB_RSEQ_INPUTS, [cls] "r"(cls), [n] "r"(n)
      : "memory", "cc"
      : boundary, aborted, unregistered);
  return {static_cast<uint32_t>(count), Section::kDone};
boundary:
  return {0, Section::kBoundary};
aborted:
  return {0, Section::kAborted};
unregistered:
  return {0, Section::kUnregistered};
}

inline Section section_resize(uintptr_t cls, uint32_t new_end) {
  uintptr_t region, header, top;
  asm volatile goto(
      RESLAB_RSEQ_BEGIN
      "add %[top], %[header], #4\n"
      "ldar %w[top], [%[top]]\n"  // end before top (1)
      "cbz %w[top], %l[boundary]\n"
      "ldr %w[top], [%[header]]\n"
      "cmp %w[top], #12, lsl #12\n"  // kClosedTop: closed between the two loads
      "b.eq %l[boundary]\n"
      "orr %[top], %[top], %[new_end]\n"
      "str %[top], [%[header]]\n"  // commit
      RESLAB_RSEQ_END
      : [region] "=&r"(region), [header] "=&r"(header), [top] "=&r"(top)
      : RESLAB_RSEQ_INPUTS, [cls] "r"(cls), [new_end] "r"(uint64_t{new_end} << 32)
      : "memory", "cc"
      : boundary, aborted, unregistered);
  return Section::kDone;
boundary:
  return Section::kBoundary;
aborted:
  return Section::kAborted;
unregistered:
  return Section::kUnregistered;
}

// clang-format on

#undef RESLAB_RSEQ_BEGIN
#undef RESLAB_RSEQ_END
#undef RESLAB_RSEQ_INPUTS
#undef RESLAB_RSEQ_COPY

}  // namespace reslab
