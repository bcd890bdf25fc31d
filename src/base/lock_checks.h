// SPDX-License-Identifier: Apache-2.0
// The discipline of local locks, asserted in builds with -Dchecks=true: a slow path holds at most one, and enters the
// kernel with none (platform/syscall.h). In other builds nothing of this is there. A nested call of a handler counts for
// itself (SlowCall). Nothing is to be asserted of what a look at a lock promised: there is no such look, only the try.
#pragma once

#ifdef RESLAB_CHECKS
#include "base/report.h"
#include "base/thread_line.h"
#endif

namespace reslab {

#ifdef RESLAB_CHECKS
inline uint32_t locks_held() { return thread_line.locks_held.load(std::memory_order_relaxed); }

inline void note_taken_lock() {
  RESLAB_CHECK(locks_held() == 0, locks_held());  // no nesting of two
  thread_line.locks_held.store(1, std::memory_order_relaxed);
}
inline void note_released_lock() { thread_line.locks_held.store(0, std::memory_order_relaxed); }
inline void check_kernel_entry() { RESLAB_CHECK(locks_held() == 0, locks_held()); }
#else
inline void note_taken_lock() {}
inline void note_released_lock() {}
inline void check_kernel_entry() {}
#endif

}  // namespace reslab
