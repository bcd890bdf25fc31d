// SPDX-License-Identifier: Apache-2.0
// The sections of rcu/section.h for aarch64. Include that file instead. The shape, and what is known of it, is that of
// platform/rseq_aarch64.h.
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
  "adrp %[cpu], 3b\n"                                          \
  "add %[cpu], %[cpu], :lo12:3b\n"                             \
  "str %[cpu], [%[rseq], #8]\n" /* rseq_cs */                  \
  "1:\n"                                                       \
  "ldr %w[cpu], [%[rseq], #4]\n" /* cpu_id */                  \
  "cmp %w[cpu], #0\n"                                          \
  "b.lt %l[unregistered]\n"                                    \
  "ldr %w[cpu], [%[slot]]\n"                                   \
  "add %[cpu], %[cpus], %[cpu], lsl #7\n" /* kCpuShift */

#define RESLAB_RCU_END                                         \
  "2:\n"                                                       \
  ".pushsection .text.reslab_rseq_abort, \"ax?\"\n"            \
  ".inst 0xd428bc00\n" /* kRseqSignature */                    \
  "4:\n"                                                       \
  "b %l[aborted]\n"                                            \
  ".popsection\n"

#define RESLAB_RCU_INPUTS                                                                                        \
  [rseq] "r"(thread_pointer() + rcu_fast.rseq_offset.load(std::memory_order_relaxed)),                           \
      [slot] "r"(thread_pointer() + rcu_fast.slot_offset.load(std::memory_order_relaxed)),                       \
      [cpus] "r"(rcu_fast.cpus.load(std::memory_order_relaxed))

static_assert(kCpuShift == 7 && kRseqSignature == 0xd428bc00, "written out in the assembly above");

[[gnu::always_inline]] inline Section section_retire(void* object) {
  uintptr_t cpu, top, end, word;
  asm volatile goto(
      RESLAB_RCU_BEGIN
      "add %[end], %[cpu], #4\n"
      "ldar %w[end], [%[end]]\n"  // end before top (1)
      "ldr %w[top], [%[cpu]]\n"
      "cmp %w[top], %w[end]\n"
      "b.hs %l[boundary]\n"
      "add %[word], %[words], %[top], lsl #3\n"
      "ldur %[end], [%[word], #-8]\n"
      "cmp %[end], %[object]\n"
      "b.eq %l[same_as_top]\n"
      "str %[object], [%[word]]\n"
      "add %w[top], %w[top], #1\n"
      "stlr %w[top], [%[cpu]]\n"  // commit (G4)
      RESLAB_RCU_END
      : [cpu] "=&r"(cpu), [top] "=&r"(top), [end] "=&r"(end), [word] "=&r"(word)
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
  uintptr_t cpu, seen;
  asm volatile goto(
      RESLAB_RCU_BEGIN
      "ldr %w[seen], [%[slot]]\n"
      "cmp %w[seen], %w[id]\n"
      "b.ne %l[boundary]\n"
      "ldr %[seen], [%[cpu]]\n"
      "cmp %[seen], %[header]\n"
      "b.ne %l[boundary]\n"
      "ldr %[seen], [%[state_word]]\n"
      "cmp %[seen], %[state]\n"
      "b.ne %l[boundary]\n"
      "str %[next], [%[cpu]]\n"  // commit
      RESLAB_RCU_END
      : [cpu] "=&r"(cpu), [seen] "=&r"(seen)
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
