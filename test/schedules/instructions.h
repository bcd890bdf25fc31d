// SPDX-License-Identifier: Apache-2.0
// How long an x86-64 instruction is, for those that restartable sections consist of.
#pragma once

#include <cstddef>

namespace schedules {

// 0: one that this does not know.
size_t instruction_length(const unsigned char* at);

// A string instruction with a prefix that repeats it: it can be interrupted between two rounds.
bool is_repeated(const unsigned char* at);

}  // namespace schedules
