// SPDX-License-Identifier: Apache-2.0
// What the library knows, as text: for the end of a process, for its handlers and for malloc_stats. Allocates nothing.
#pragma once

namespace reslab {

// Lines `name=value` to `fd`, each behind `prefix`.
void write_stats(int fd, const char* prefix);

// The heap profile, which is on (profile/profile.h), in pprof's text format. 0, or the errno of what could not be written.
int write_profile(int fd);

}  // namespace reslab
