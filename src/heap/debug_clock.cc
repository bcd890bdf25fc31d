// SPDX-License-Identifier: Apache-2.0
#include "heap/debug_clock.h"

#include <time.h>

#include "platform/syscall.h"

namespace reslab {
namespace {

uint64_t now_ms() {
  timespec now = {};
  sys_call(SYS_clock_gettime, CLOCK_MONOTONIC, reinterpret_cast<long>(&now));
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

}  // namespace

uint64_t DebugClock::ticks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t count;
  asm volatile("mrs %0, cntvct_el0" : "=r"(count));
  return count;
#else
  return 0;
#endif
}

void DebugClock::start() {
  start_ticks_ = ticks();
  start_ms_ = now_ms();
}

uint64_t DebugClock::ms_of(uint64_t ticks) const {
  const uint64_t passed = now_ms() - start_ms_;
  const uint64_t counted = DebugClock::ticks() - start_ticks_;
  if (counted == 0 || ticks < start_ticks_) return start_ms_;
  return start_ms_ + static_cast<uint64_t>(static_cast<double>(ticks - start_ticks_) * static_cast<double>(passed) /
                                           static_cast<double>(counted));
}

}  // namespace reslab
