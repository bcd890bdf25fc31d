// SPDX-License-Identifier: Apache-2.0
// The restartable sections, as pseudo-code. Architecture files implement these contracts and nothing else.
//
// Every section: `cpu_id < 0` means that this thread is not registered and nothing would abort it: leave (10). `region`
// is regions + (field at slot_offset << kRegionShift), read inside the section, so that a migration aborts it. The only
// store that anyone sees is the last instruction, marked "commit"; all others go where nobody reads before it. The
// kernel aborts a section when the thread is preempted, migrates, or takes a signal, before the handler runs.
//
//   pop(class)                     top = header.top
//                                  object = slot[top - 1];            NULL: empty or closed
//                                  commit: header.top = top - 1
//
//   push(class, object)            end = header.end, THEN top = header.top (1)
//                                  top >= end: full or closed
//                                  slot[top - 1] == object: freed twice in a row (15)
//                                  slot[top] = object
//                                  commit: header.top = top + 1
//
//   pop_batch(class, begin, out, n)     top = header.top;             kClosedTop: closed
//                                       k = min(n, top - begin);      k <= 0: empty, or never opened
//                                       out[0..k) = slot[top - k .. top)
//                                       commit: header.top = top - k
//
//   push_batch(class, in, n)            end = header.end, THEN top = header.top
//                                       k = min(n, end - top);        k <= 0: full or closed
//                                       slot[top .. top + k) = in[0..k)
//                                       commit: header.top = top + k
//
//   resize(class, new_end)              header.end == 0, or then header.top == kClosedTop: closed
//                                       commit: header = {top, new_end}, one 64-bit store
//
// An unlucky section (kAborted) is retried by the slow path only, kRestarts times (40).
#pragma once

#include <cstdint>

namespace reslab {

enum class Section : uint8_t {
  kDone,          // committed
  kBoundary,      // empty or full, or closed
  kSameAsTop,     // push only: the object is already on top
  kAborted,       // preempted, migrated or interrupted: try again, a bounded number of times
  kUnregistered,  // this thread has no rseq: go without magazines
};

// Whether there is an object is for `section` to say: gcc 12 may give an output of the assembly the register in which it
// holds the NULL of the other exits, and then what these return as `object` is anything.
struct PopResult {
  void* object;
  Section section;
};

struct BatchResult {
  uint32_t count;
  Section section;
};

// glibc's.
#if defined(__aarch64__)
inline constexpr uint32_t kRseqSignature = 0xd428bc00;
#else
inline constexpr uint32_t kRseqSignature = 0x53053053;
#endif

// Does who looks at another CPU's magazine see an object no later than the `top` above it?
#if defined(__x86_64__)
inline constexpr bool kStoresAreSeenInOrder = true;
#else
inline constexpr bool kStoresAreSeenInOrder = false;
#endif

}  // namespace reslab

#if defined(__x86_64__)
#include "platform/rseq_x86_64.h"
#elif defined(__aarch64__)
#include "platform/rseq_aarch64.h"
#else
#include "platform/rseq_none.h"
#endif
