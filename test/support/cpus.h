// SPDX-License-Identifier: Apache-2.0
// Where threads run.
#pragma once

#include <sched.h>

namespace support {

// The calling thread, and those that it makes, stay on the CPU that it is on: a switch between them is then one, and
// not a wake-up on another CPU, and what they do comes in the same order each time.
inline void stay_on_one_cpu() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
}

}  // namespace support
