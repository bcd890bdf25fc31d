// SPDX-License-Identifier: Apache-2.0
// Children that a test forks.
#pragma once

#include <sys/types.h>

namespace support {

// Waits for `child`, and fails unless it ends with status 0. `what` is how the failure names it.
void expect_good_end_of(pid_t child, const char* what = "a child");

}  // namespace support
