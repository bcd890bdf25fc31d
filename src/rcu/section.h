// SPDX-License-Identifier: Apache-2.0
// The two restartable sections of the pages (rcu/cpu_pages.h), as pseudo-code; platform/rseq.h says what a section is.
// `cpu` is cpus + (slot << kCpuShift), read inside the section.
//
//   retire(object)                      end = cpu.header.end, THEN top = cpu.header.top (1)
//                                       top >= end: no page, a full one, or closed
//                                       word[top - 1] == object: retired twice in a row
//                                       word[top] = object
//                                       commit: cpu.header.top = top + 1, with release (page_pool.h, G4)
//
//   renew(header, state, next)          cpu.header != header: another page by now, or another slot
//                                       *state_word != state: likewise
//                                       commit: cpu.header = next, one 64-bit store
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "platform/rseq.h"

namespace reslab {

inline constexpr unsigned kCpuShift = 7;

// What reslab_free_rcu reads: one line, copied from the core's and from the pages when both are there. `arena_bytes` is 0
// before, and where there can be no pages: then everything takes the slow way.
struct alignas(64) RcuFast {
  std::atomic<size_t> arena_bytes;
  std::atomic<uintptr_t> arena_base;
  std::atomic<ptrdiff_t> rseq_offset;
  std::atomic<ptrdiff_t> slot_offset;
  std::atomic<char*> cpus;
  std::atomic<std::atomic<uint64_t>*> words;  // of all pages
};
static_assert(sizeof(RcuFast) == 64);

// The same limit where pages are filled by compare-and-swap. One of the two is 0 for ever.
struct RcuFallback {
  std::atomic<size_t> arena_bytes;
};

extern constinit RcuFast rcu_fast __attribute__((visibility("hidden")));
extern constinit RcuFallback rcu_fallback __attribute__((visibility("hidden")));

}  // namespace reslab

#if defined(__x86_64__)
#include "rcu/section_x86_64.h"
#elif defined(__aarch64__)
#include "rcu/section_aarch64.h"
#else
namespace reslab {
inline Section section_retire(void*) { return Section::kUnregistered; }
inline Section section_renew(uint32_t, uint64_t, const std::atomic<uint64_t>*, uint64_t, uint64_t) {
  return Section::kUnregistered;
}
}  // namespace reslab
#endif
