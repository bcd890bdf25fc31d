// How these tests end when something is wrong: one line on stderr that names the program, the scene (what was being
// done, where, with which seed) and what did not hold; and status 1. Allocates nothing.
#pragma once

#include <sys/types.h>

namespace progress {

// What failures from now on name: "refill, stopped at slab_take+0x1c, seed 7". Children inherit it.
[[gnu::format(printf, 1, 2)]] void set_scene(const char* format, ...);
const char* scene();

// Prints the line and ends the process, unless `holds`.
[[gnu::format(printf, 2, 3)]] void expect(bool holds, const char* format, ...);

// From now on this process and `child` (0: none) are ended, with a line that says so, unless this is called again
// within `seconds`: a hang is a failure like any other. 0: no limit.
void limit_time(unsigned seconds, pid_t child = 0);

// What the line of a hang says besides the scene.
void set_stage(const char* words);

}  // namespace progress
