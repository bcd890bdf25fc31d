// SPDX-License-Identifier: Apache-2.0
// How these programs end when something is wrong: one line on stderr with the scene (operation, way of walking, place,
// nested operation), and status 1 at once. Works in a handler and allocates nothing of the heap under test.
#pragma once

#include <cstdint>

namespace reentry {

// What is going on; kept up to date by the walks.
struct Scene {
  const char* mode = "";
  uint64_t seed = 0;
  const char* operation = "none yet";
  const char* way = "start";
  const char* nested = "none";
  uint64_t step = 0;
  uintptr_t place = 0;  // address of the interrupted instruction, as the disassembly has it
};
extern Scene scene;

[[noreturn, gnu::format(printf, 1, 2)]] void fail(const char* format, ...);

// Forks; returns in the child. The parent waits for it, and ends as it does: with status 0 or 1.
void go_on_in_child();

// A fatal signal says where, too, and kills. Hangs end by SIGALRM after `seconds`, with the same line.
void explain_fatal_signals(unsigned seconds);

}  // namespace reentry
