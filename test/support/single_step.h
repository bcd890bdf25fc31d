// SPDX-License-Identifier: Apache-2.0
// Runs code one instruction at a time: a look, or a deed, at every instruction boundary.
//
// By the CPU's trap flag and SIGTRAP. Under a registered rseq every step inside a section aborts it, which is one thing
// to test; on a scripted CPU (support/scripted_cpu.h) the section runs through, which is the other. x86-64 only.
#pragma once

#include <cstdint>

namespace support {

// Calls `body(context)` with the trap flag set and `at_step(step, context)` behind each of its instructions, counted
// from 0; in a signal handler on this thread's stack, itself not stepped. Returns how many steps there were.
uint64_t single_step(void (*body)(void* context), void (*at_step)(uint64_t step, void* context), void* context);

// In at_step: the instruction that comes next.
uintptr_t stepped_pc();

// In at_step, and in a child forked there: what is left of `body` runs at full speed.
void stop_stepping();

}  // namespace support
