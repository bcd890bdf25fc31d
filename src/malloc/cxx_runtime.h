// SPDX-License-Identifier: Apache-2.0
// What the operators use of a C++ runtime, libstdc++ or libc++, if the process has one (55). Called only when memory is
// short; plain, and may throw.
#pragma once

#include <cstddef>
#include <new>

namespace reslab {

// The program's new-handler, or nullptr. Of a runtime bound at start alone, the frames of this library can catch what
// the handler throws.
enum class Runtime { kBoundAtStart, kAny };
std::new_handler find_new_handler(Runtime runtime);

// Throws std::bad_alloc; where there is nothing to throw it with, reports that and ends the process.
[[noreturn]] void throw_bad_alloc(size_t bytes);

}  // namespace reslab
