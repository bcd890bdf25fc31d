// How these tests end when something is wrong: one line on stderr, every thread's backtrace where gdb is installed, and
// a status that the runner sees. All of it works in a signal handler and allocates nothing: the allocator under test may
// be the very thing that is broken.
//
//   fail           a check did not hold
//   fatal signals  SIGSEGV and its kin, and the SIGABRT of reslab's own reports
//   Watchdog       a process of its own, which outlives any hang of the test
#pragma once

#include <sys/types.h>

namespace storm {

[[noreturn, gnu::format(printf, 1, 2)]] void fail(const char* format, ...);

// Prints the backtraces of all threads of `process`; says so where gdb is not installed.
void print_backtraces(pid_t process);

// From now on a fatal signal prints backtraces before it kills.
void explain_fatal_signals();

// Undoes it, for a child whose parent looks at the signal that killed it.
void die_of_fatal_signals();

// Kills the calling process, with backtraces, once it is `seconds` old and still there. For its first thread only: the
// watchdog goes when the thread that made it ends.
void start_watchdog(unsigned seconds);

}  // namespace storm
