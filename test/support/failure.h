// SPDX-License-Identifier: Apache-2.0
// How test programs end when something is wrong: one line on stderr that names the program, the scene (what was being
// done, where, with which seed) and what did not hold; and status 1. All of it works in a signal handler and allocates
// nothing: the allocator under test may be the very thing that is broken.
#pragma once

#include <sys/types.h>

namespace support {

// Prints the line and ends the process. The first thread to fail does so; others that fail meanwhile stop where they are.
[[noreturn, gnu::format(printf, 1, 2)]] void fail(const char* format, ...);

// The same, unless `holds`.
[[gnu::format(printf, 2, 3)]] void expect(bool holds, const char* format, ...);

// What failures from now on name: "refill, stopped at slab_take+0x1c, seed 7". Children inherit it.
[[gnu::format(printf, 1, 2)]] void set_scene(const char* format, ...);

// From now on this process and `child` (0: none) are ended, with a line that says so, unless this is called again
// within `seconds`: a hang is a failure like any other. 0: no limit. By SIGALRM.
void limit_time(unsigned seconds, pid_t child = 0);

// What the line of a hang says besides the scene. Kept by reference.
void set_stage(const char* words);

// What a process that fails does between its line and its end; at most one thing. It may run in a handler.
void set_last_deed(void (*deed)());

}  // namespace support
