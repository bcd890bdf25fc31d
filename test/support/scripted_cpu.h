// SPDX-License-Identifier: Apache-2.0
// A thread whose CPU is what the test says, so that a schedule which needs two CPUs can be played by one thread.
//
// The kernel forgets the calling thread's rseq area; from then on nobody writes to it and nobody aborts a section, and
// the test sets the numbers in it by hand. The library's sections run as the plain code they are, one instruction after
// the other, and may be single-stepped (support/single_step.h): what a real thread does undisturbed, this one does with
// a look at every instruction. For a heap in rseq mode that has been used already (the library looks at the
// registration when it starts), and while no other thread uses it: two threads on one slot would be what rseq exists to
// prevent.
#pragma once

#include <cstdint>

namespace support {

// The calling thread's area is the test's from now on, on slot 0. Ends the process with a message where that cannot be
// had: without rseq there is nothing to script.
void take_over_rseq();

// After take_over_rseq: this thread is on that slot.
void be_on_slot(uint32_t slot);

// After take_over_rseq: a thread that is not registered, as in the child of a native vfork. Its slot number stays what
// it was, and says nothing.
void be_unregistered();

}  // namespace support
