// SPDX-License-Identifier: Apache-2.0
// What the programs of this folder share: checks, the live objects, the clock.
#pragma once

#include <reslab/rcu.h>
#include <reslab/reslab.h>
#include <time.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "support/failure.h"
#include "support/ledger.h"
#include "support/mode.h"

namespace rcu_test {

// A violation is never counted and passed over: it says where, and ends the process. In handlers as well.
#define RCU_FAIL(format, ...) ::support::fail("%s:%d: " format, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__)
#define RCU_CHECK(condition)                                                       \
  do {                                                                             \
    if (!(condition)) RCU_FAIL("does not hold: %s (errno %d)", #condition, errno); \
  } while (false)

using support::require_mode;

inline reslab_rcu_stats stats() {
  reslab_rcu_stats out = {};
  RCU_CHECK(reslab_rcu_get_stats(&out, sizeof out) == 0);
  return out;
}

// Objects handed out, of all classes; of large blocks, units.
inline uint64_t live_objects() {
  static support::Ledger ledger;
  ledger.take();
  return ledger.small_objects() + ledger.run_units();
}

inline void sleep_ms(unsigned ms) {
  const timespec time = {static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1'000'000};
  nanosleep(&time, nullptr);
}

// Violations that the audit finds: at a moment when nobody else is in the heap; the reclaimer holds still meanwhile.
inline int audit() { return reslab_check(2); }

inline uint64_t now_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

}  // namespace rcu_test
