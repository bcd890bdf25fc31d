// SPDX-License-Identifier: Apache-2.0
// Plays one schedule of a case: threads of which exactly one runs at a time. Each stops wherever the library passes a
// hook, and there the schedule says who goes on. A switch is one of stacks and of thread-local memory (contexts.h);
// the library does not notice it.
//
// Threads run on scripted CPUs (support/scripted_cpu.h), so a slot is what the case says, and sections run as plain
// code. No hook lies inside one, so they are whole, as the kernel keeps them. A case may ask for more
// (step_sections): then every instruction of a section is a place to stop as well, and what the kernel would do is
// done by hand. A section is aborted when another thread has run on its slot meanwhile, or has passed the fence of a
// drain; beside a thread on another slot it goes on where it was.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "case.h"
#include "record.h"
#include "state.h"

namespace schedules {

// In the process that forks the players, before the library's first call, and behind it again for what needs it. What
// has been done is not done twice.
void prepare(const Settings& settings, bool first_calls);
std::string point_name(uint8_t point);

// In the process that forks the players: what the case needs before its threads, unless that is nothing because its
// are the first calls. Once for all schedules. The players go on from there as if there had been no fork, and do not
// repair a heap that nothing has happened to.
void set_up(const Case& played, const Settings& settings);

// In a child of its own. Plays and checks; returns if all of that went well. A state that is in `states`, where
// the record says to look there, ends it at once: what follows has been played, or is about to be.
void play(Record& record, StateSet& states);

// Ends the child: what is wrong is what the explorer reports. For cases and checks.
[[noreturn, gnu::format(printf, 1, 2)]] void violation(const char* format, ...);

}  // namespace schedules
