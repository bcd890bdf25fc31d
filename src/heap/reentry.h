// SPDX-License-Identifier: Apache-2.0
// Calls that interrupt another call of reslab on the same thread (P5): counted; with report_reentry=1 every call takes
// the slow entry, where it is seen (30, 31), and the stack of each distinct place is printed once.
#pragma once

namespace reslab {

// For a SlowCall that is nested. Keeps errno, takes no lock; with report_reentry=1 it writes to stderr and uses up to
// 6 KiB of stack, which is why that option stands outside the promises of class any.
void note_reentry(const char* call);

}  // namespace reslab
