// SPDX-License-Identifier: Apache-2.0
// The heap profile as a file, in the text format that pprof reads: at exit, and by a signal of choice.
#pragma once

namespace reslab {

// For the options that ask for it: installs the handler of profile_signal.
void prepare_profile_dumps();

// Writes to profile_file. Class any but for the kernel's work; errno is kept.
void dump_profile_at_exit();

}  // namespace reslab
