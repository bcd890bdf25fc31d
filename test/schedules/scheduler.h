// SPDX-License-Identifier: Apache-2.0
// Plays one schedule of a case: real threads, of which exactly one runs at a time. Each stops wherever the library
// passes a hook, and there the schedule says who goes on. A switch is a futex of the test's own; the library does not
// notice it.
//
// Threads run on scripted CPUs (support/scripted_cpu.h), so a slot is what the case says, and sections run as plain
// code. No hook lies inside one, so they are whole, as the kernel keeps them. A case may ask for more (step_sections):
// then every instruction of a section is a place to stop as well, and what the kernel would do is done by hand. A
// section is aborted when another thread has run on its slot meanwhile, or has passed the fence of a drain; beside a
// thread on another slot it goes on where it was.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "case.h"
#include "record.h"

namespace schedules {

// Patches all hooks in the process that forks the players; the second time nothing is left to do.
void arm_hooks();
std::string point_name(uint8_t point);

// In a child of its own. Sets up, plays, and checks; returns if all of that went well.
void play(const Case& played, const Settings& settings, Record& record);

// Ends the child: what is wrong is what the explorer reports. For cases and checks.
[[noreturn, gnu::format(printf, 1, 2)]] void violation(const char* format, ...);

}  // namespace schedules
