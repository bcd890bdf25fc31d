// SPDX-License-Identifier: Apache-2.0
// The threads of a case: each has a stack and thread-local memory of its own, and all run on one thread of the
// kernel's, so that nobody has to be woken to go on, and a fork takes all of them along. The thread-local memory is
// that of real threads, which are there for nothing else and do not exist in a child.
#pragma once

namespace schedules {

// In the process that forks the players, once. With `scripted` their CPUs are the test's (support/scripted_cpu.h).
void make_contexts(int count, bool scripted);

// Each begins with `function(number)` when it is first switched to, and must not return from it.
void ready_contexts(void (*function)(int number));

// Goes on with context `number`; kMainContext is the thread that called all of these. Returns when somebody switches
// back.
inline constexpr int kMainContext = -1;
void switch_to_context(int number);

}  // namespace schedules
