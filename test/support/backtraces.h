// SPDX-License-Identifier: Apache-2.0
// The backtrace of every thread, where gdb is installed, for failures that another run may not show again. All of it
// works in a signal handler and allocates nothing.
//
//   fail, expect   print them behind their line (failure.h)
//   fatal signals  SIGSEGV and its kin, and the SIGABRT of reslab's own reports
//   hangs          seen by a process of its own, which outlives any hang of the test
#pragma once

namespace support {

// From now on a fatal signal and a failure print backtraces before they end the process.
void explain_the_end();

// Kills the calling process, with backtraces, once it is `seconds` old and still there. For its first thread only: the
// watchdog goes when the thread that made it ends.
void start_watchdog(unsigned seconds);

}  // namespace support
