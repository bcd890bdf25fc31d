// SPDX-License-Identifier: Apache-2.0
// What the profiler is asked to do, by the environment:
//
//   PROFILE_FILE   where the stacks go; %p stands for the process id (profile.%p.folded)
//   PROFILE_HZ     samples a second, 1 to 10000 (1000)
//   PROFILE_CLOCK  cpu: of CPU time, all threads together (the kernel looks at its own tick only, so there are no more
//                  than CONFIG_HZ samples a second, whatever was asked for); wall: of time, whether the program runs or
//                  waits, most of them on its first thread (cpu)
#pragma once

#include <string>

namespace profiler {

struct Settings {
  std::string file;
  long hertz;
  bool wall;

  // Complains on stderr and returns false when a value makes no sense.
  bool read_environment();
};

}  // namespace profiler
