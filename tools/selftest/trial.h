// SPDX-License-Identifier: Apache-2.0
// What the checks that take time share: when they have seen enough, and the verdict on what they saw.
#pragma once

#include <chrono>

#include "selftest/checks.h"
#include "selftest/stress.h"

namespace reslab::selftest {

class Trial {
 public:
  Trial(const CpuSetup& setup, Duration duration)
      : stress_(setup), duration_(duration), start_(std::chrono::steady_clock::now()) {}

  bool is_ready() const { return stress_.is_ready(); }
  Stress& stress() { return stress_; }

  // `events` are what is to abort sections: signals, say, of which `enough` have to be seen, and as many aborts that
  // the check means anything.
  bool is_over(uint64_t events, uint64_t enough) const;

  // So many of them and not one abort: nothing will come of waiting.
  bool is_hopeless(uint64_t events) const;

  // When nobody else works on it any more. `event` is the figure's name.
  Outcome finish(const char* event, uint64_t events, uint64_t enough) const;

 private:
  Seconds spent() const { return std::chrono::steady_clock::now() - start_; }

  Stress stress_;
  Duration duration_;
  std::chrono::steady_clock::time_point start_;
};

Outcome without_memory();

}  // namespace reslab::selftest
