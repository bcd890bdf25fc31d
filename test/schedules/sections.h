// SPDX-License-Identifier: Apache-2.0
// Stops inside restartable sections, on a thread whose CPU is scripted: by a breakpoint at each of their
// instructions, with a look at the descriptor that the section has left in the rseq area, as the kernel looks at it;
// and what aborts them: whoever asks for it, and the fence of membarrier, which a seccomp filter turns into a signal.
//
// Not by the trap flag alone, which where the machine is a virtual one takes fifty microseconds an instruction, and
// stops at all those outside sections as well.
#pragma once

namespace schedules {

// Finds the sections' instructions, in the process that forks the players.
void arm_sections();

// Runs `work`, which is thread `number` of the case; `at_instruction` is called before each instruction of a section,
// in a signal handler. If the section has to be aborted when that returns, the thread goes on at its abort address.
void step_through(void (*work)(), int number, void (*at_instruction)());

// The calling thread is not stepped any further in this `work`, which has left the fast path: what comes takes
// thousands of instructions, and the sections in it are the same ones.
void stop_stepping();

// The kernel still has the descriptor of the last section that the calling thread was in, and would abort the same
// section where another thread of the case executes it.
void leave_last_section();

// The code is what it was again. Once no thread is stepped any more.
void leave_sections_alone();

// Once, before the threads are there. The library's fences abort the sections of all threads but the one that asks
// for them.
void play_the_fence();

// If thread `number` stands in a section now, it is aborted once it goes on.
void abort_section_of(int number);

}  // namespace schedules
