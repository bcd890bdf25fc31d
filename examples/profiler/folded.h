// SPDX-License-Identifier: Apache-2.0
// The stacks as lines "main;outer;inner 12": outermost function first, then how many samples. Flame graph programs read
// it, and so does sort.
#pragma once

#include <string>

#include "stack_table.h"

namespace profiler {

// False, with errno, when the file cannot be written.
bool write_folded(const StackTable& stacks, const std::string& path);

}  // namespace profiler
