// SPDX-License-Identifier: Apache-2.0
// Every test program runs once in each mode and must know that it really got the one it was started for.
#pragma once

#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <cstdlib>
#include <string>

namespace unit {

inline std::string wanted_mode() {
  const char* wanted = std::getenv("RESLAB_TEST_MODE");
  return wanted != nullptr ? wanted : "";
}

// Makes the root if there is none, and fails the running test unless RESLAB_TEST_MODE names the mode that is on.
inline void expect_wanted_mode() {
  reslab_free(reslab_malloc(1));
  reslab_status status = {};
  ASSERT_EQ(reslab_get_status(&status, sizeof status), 0);
  const std::string mode = status.mode == RESLAB_MODE_RSEQ ? "rseq" : "fallback";
  ASSERT_EQ(mode, wanted_mode()) << "RESLAB_TEST_MODE is rseq or fallback, and RESLAB_OPTIONS says the same; reason: "
                                 << status.mode_reason;
}

}  // namespace unit
