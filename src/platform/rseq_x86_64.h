// SPDX-License-Identifier: Apache-2.0
// The sections of platform/rseq.h for x86-64. Include that file instead.
//
// Shape of each: labels 1 (start), 2 (just past the commit), 3 (descriptor), 4 (abort handler). Offsets in the rseq
// area: cpu_id 4, rseq_cs 8. The thread pointer is %fs. The abort handler sits in a text section of its own behind the
// signature, which reads as the operand of an ud1 instruction.
//
// In pop and push the header is addressed by one register without an index: a load that hits the word just stored there
// then costs nothing on processors that rename memory, and five cycles on these same processors otherwise (a dependent
// malloc+free pair: 27.7 -> 17.0 cycles on Sapphire Rapids).
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
  "leaq 3b(%%rip), %[region]\n"                                \
  "movq %[region], %%fs:8(%[rseq])\n"                          \
  "1:\n"                                                       \
  "cmpl $0, %%fs:4(%[rseq])\n"                                 \
  "js %l[unregistered]\n"                                      \
  "movl %%fs:(%[slot]), %k[region]\n"                          \
  "shlq $19, %[region]\n" /* kRegionShift */                   \
  "addq %[regions], %[region]\n"

#define RESLAB_RSEQ_END                                        \
  "2:\n"                                                       \
  ".pushsection .text.reslab_rseq_abort, \"ax?\"\n"            \
  ".byte 0x0f, 0xb9, 0x3d\n"                                   \
  ".long 0x53053053\n" /* kRseqSignature */                    \
  "4:\n"                                                       \
  "jmp %l[aborted]\n"                                          \
  ".popsection\n"

#define RESLAB_RSEQ_INPUTS                                                                       \
  [rseq] "r"(fast_path.rseq_offset.load(std::memory_order_relaxed)),                             \
      [slot] "r"(fast_path.slot_offset.load(std::memory_order_relaxed)), [regions] "m"(fast_path.regions)

static_assert(kRegionShift == 19 && kClosedTop == 49152 && kRseqSignature == 0x53053053, "written out in the assembly above");

[[gnu::always_inline]] inline PopResult section_pop(uintptr_t cls) {
  uintptr_t region, top, header;
  void* object;
  asm volatile goto(
      RESLAB_RSEQ_BEGIN
      "leaq (%[region], %[cls], 8), %[header]\n"
      "movl (%[header]), %k[top]\n"
      "movq -8(%[region], %[top], 8), %[object]\n"
      "testq %[object], %[object]\n"
      "jz %l[boundary]\n"
      "decl %k[top]\n"
      "movl %k[top], (%[header])\n"  // commit
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
      "leaq (%[region], %[cls], 8), %[header]\n"
      "movl 4(%[header]), %k[end]\n"  // end before top (1)
      "movl (%[header]), %k[top]\n"
      "cmpl %k[end], %k[top]\n"
      "jae %l[boundary]\n"
      "cmpq %[object], -8(%[region], %[top], 8)\n"
      "je %l[same_as_top]\n"
      "movq %[object], (%[region], %[top], 8)\n"
      "incl %k[top]\n"
      "movl %k[top], (%[header])\n"  // commit
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

// The copies are string moves: they may be aborted half-way like any other instruction, and need three registers.
inline BatchResult section_pop_batch(uintptr_t cls, uint32_t begin, void** out, uint32_t n) {
  uintptr_t region, top, count, source, left;
  void** target = out;
  asm volatile goto(
      RESLAB_RSEQ_BEGIN
      "movl (%[region], %[cls], 8), %k[top]\n"
      "cmpl $49152, %k[top]\n"  // kClosedTop
      "je %l[boundary]\n"
      "movl %k[top], %k[count]\n"
      "subl %[begin], %k[count]\n"
      "jle %l[boundary]\n"
      "cmpl %[n], %k[count]\n"
      "cmoval %[n], %k[count]\n"
      "subl %k[count], %k[top]\n"
      "leaq (%[region], %[top], 8), %[source]\n"
      "movl %k[count], %k[left]\n"
      "rep movsq\n"
      "movl %k[top], (%[region], %[cls], 8)\n"  // commit
      RESLAB_RSEQ_END
      : [region] "=&r"(region), [top] "=&r"(top), [count] "=&r"(count), [source] "=&S"(source), [left] "=&c"(left),
        "+&D"(target)
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
  uintptr_t region, top, count, target, left;
  void* const* source = in;
  asm volatile goto(
      RESLAB_RSEQ_BEGIN
      "movl 4(%[region], %[cls], 8), %k[count]\n"  // end before top (1)
      "movl (%[region], %[cls], 8), %k[top]\n"
      "subl %k[top], %k[count]\n"
      "jbe %l[boundary]\n"
      "cmpl %[n], %k[count]\n"
      "cmoval %[n], %k[count]\n"
      "leaq (%[region], %[top], 8), %[target]\n"
      "movl %k[count], %k[left]\n"
      "addl %k[count], %k[top]\n"
      "rep movsq\n"
      "movl %k[top], (%[region], %[cls], 8)\n"  // commit
      RESLAB_RSEQ_END
      : [region] "=&r"(region), [top] "=&r"(top), [count] "=&r"(count), [target] "=&D"(target), [left] "=&c"(left),
        "+&S"(source)
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
  uintptr_t region, header;
  asm volatile goto(
      RESLAB_RSEQ_BEGIN
      "cmpl $0, 4(%[region], %[cls], 8)\n"
      "je %l[boundary]\n"
      "movl (%[region], %[cls], 8), %k[header]\n"
      "cmpl $49152, %k[header]\n"  // kClosedTop: closed between the two loads
      "je %l[boundary]\n"
      "orq %[new_end], %[header]\n"
      "movq %[header], (%[region], %[cls], 8)\n"  // commit
      RESLAB_RSEQ_END
      : [region] "=&r"(region), [header] "=&r"(header)
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

}  // namespace reslab
