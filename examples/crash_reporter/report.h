// SPDX-License-Identifier: Apache-2.0
// The text of a crash report.
#pragma once

#include <signal.h>
#include <ucontext.h>

#include <string>

namespace crash_reporter {

// What happened, the stack, what malloc has, and what is mapped where. In the handler that was given `info` and `context`.
std::string describe_crash(int signal_number, const siginfo_t& info, ucontext_t* context);

}  // namespace crash_reporter
