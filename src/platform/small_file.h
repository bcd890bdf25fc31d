// SPDX-License-Identifier: Apache-2.0
// Numbers out of small files of /proc and /sys, read without allocation. Used only while the root is made.
#pragma once

#include <cstddef>

namespace reslab {

// The decimal numbers in the first 128 bytes of the file, in order; returns how many, at most `max_count`.
size_t read_numbers(const char* path, size_t* out, size_t max_count);

}  // namespace reslab
