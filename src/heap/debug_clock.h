// SPDX-License-Identifier: Apache-2.0
// When something happened, noted in any context: the processor's counter, which takes neither a system call nor a symbol of
// libc's. How fast it counts is found out when a report asks for milliseconds.
#pragma once

#include <cstdint>

namespace reslab {

class DebugClock {
 public:
  void start();
  static uint64_t ticks();
  // Of the monotonic clock. Enters the kernel: for reports.
  uint64_t ms_of(uint64_t ticks) const;

 private:
  uint64_t start_ticks_;
  uint64_t start_ms_;
};

}  // namespace reslab
