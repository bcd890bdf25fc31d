// SPDX-License-Identifier: Apache-2.0
// Statistics as text, for the end of a process and for malloc_stats.
#pragma once

namespace reslab {

// Lines `name=value` to `fd`, each behind `prefix`. Allocates nothing.
void write_stats(int fd, const char* prefix);

}  // namespace reslab
