// SPDX-License-Identifier: Apache-2.0
// The sections of rcu/section.h for x86-64. Include that file instead. The shape is that of platform/rseq_x86_64.h.
#pragma once

namespace reslab {

// clang-format off

#define RESLAB_RCU_BEGIN                                       \
  ".pushsection __rseq_cs, \"aw?\"\n"                          \
  ".balign 32\n"                                               \
  "3:\n"                                                       \
  ".long 0, 0\n"                                               \
  ".quad 1f, 2f - 1f, 4f\n"                                    \
  ".popsection\n"                                              \
  ".pushsection __rseq_exit_point_array, \"?\"\n"              \
  ".quad 1f, %l[boundary]\n"                                   \
  ".popsection\n"                                              \
  "leaq 3b(%%rip), %[cpu]\n"                                   \
  "movq %[cpu], %%fs:8(%[rseq])\n"                             \
  "1:\n"                                                       \
  "cmpl $0, %%fs:4(%[rseq])\n"                                 \
  "js %l[unregistered]\n"                                      \
  "movl %%fs:(%[slot]), %k[cpu]\n"                             \
  "shlq $7, %[cpu]\n" /* kCpuShift */                          \
  "addq %[cpus], %[cpu]\n"

#define RESLAB_RCU_END                                         \
  "2:\n"                                                       \
  ".pushsection .text.reslab_rseq_abort, \"ax?\"\n"            \
  ".byte 0x0f, 0xb9, 0x3d\n"                                   \
  ".long 0x53053053\n" /* kRseqSignature */                    \
  "4:\n"                                                       \
  "jmp %l[aborted]\n"                                          \
  ".popsection\n"

#define RESLAB_RCU_INPUTS                                                                      \
  [rseq] "r"(rcu_fast.rseq_offset.load(std::memory_order_relaxed)),                            \
      [slot] "r"(rcu_fast.slot_offset.load(std::memory_order_relaxed)), [cpus] "m"(rcu_fast.cpus)

static_assert(kCpuShift == 7 && kRseqSignature == 0x53053053, "written out in the assembly above");

[[gnu::always_inline]] inline Section section_retire(void* object) {
  uintptr_t cpu, top, end;
  asm volatile goto(
      RESLAB_RCU_BEGIN
      "movl 4(%[cpu]), %k[end]\n"  // end before top (1)
      "movl (%[cpu]), %k[top]\n"
      "cmpl %k[end], %k[top]\n"
      "jae %l[boundary]\n"
      "cmpq %[object], -8(%[words], %[top], 8)\n"
      "je %l[same_as_top]\n"
      "movq %[object], (%[words], %[top], 8)\n"
      "incl %k[top]\n"
      "movl %k[top], (%[cpu])\n"  // commit
      RESLAB_RCU_END
      : [cpu] "=&r"(cpu), [top] "=&r"(top), [end] "=&r"(end)
      : RESLAB_RCU_INPUTS, [words] "r"(rcu_fast.words.load(std::memory_order_relaxed)), [object] "r"(object)
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

inline Section section_renew(uint32_t slot, uint64_t header, const std::atomic<uint64_t>* state_word, uint64_t state,
                             uint64_t next) {
  uintptr_t cpu;
  asm volatile goto(
      RESLAB_RCU_BEGIN
      "cmpl %[id], %%fs:(%[slot])\n"
      "jne %l[boundary]\n"
      "cmpq %[header], (%[cpu])\n"
      "jne %l[boundary]\n"
      "cmpq %[state], (%[state_word])\n"
      "jne %l[boundary]\n"
      "movq %[next], (%[cpu])\n"  // commit
      RESLAB_RCU_END
      : [cpu] "=&r"(cpu)
      : RESLAB_RCU_INPUTS, [id] "r"(slot), [header] "r"(header), [state_word] "r"(state_word), [state] "r"(state),
        [next] "r"(next)
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

#undef RESLAB_RCU_BEGIN
#undef RESLAB_RCU_END
#undef RESLAB_RCU_INPUTS

}  // namespace reslab
