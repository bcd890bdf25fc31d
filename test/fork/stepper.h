// Runs code one instruction at a time and tells where it is: support/single_step.h with the program counter, because a
// step inside a restartable section has to be told from others. x86-64 only.
#pragma once

#include <cstdint>

namespace fork_test {

// Calls `body()` with the trap flag set and `at_step(pc)` before each of its instructions but the first, in a handler on
// this thread's stack which is itself not stepped. stop_stepping() in it lets the rest run at full speed.
void step_through(void (*body)(), void (*at_step)(uintptr_t pc));
void stop_stepping();

}  // namespace fork_test
