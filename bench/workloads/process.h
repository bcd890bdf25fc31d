// SPDX-License-Identifier: Apache-2.0
// What the system says of this process: memory, and whose malloc it runs on. Files are read by system calls alone, so
// that looking changes nothing.
#pragma once

#include <cstdint>

namespace workload {

inline constexpr unsigned kMostThreads = 256;

uint64_t resident_bytes();          // exact: the kernel walks the page tables
uint64_t roughly_resident_bytes();  // cheap: each CPU may hold back a few dozen pages of the count
uint64_t peak_resident_bytes();     // of this program, not of what was before exec, unlike getrusage()

// "malloc": "PATH", "reslab_mode": "...", "per_cpu": "0", "1" or "none": which library answers to malloc, in which mode
// if it is reslab, and whether it has its caches per CPU if it is google/tcmalloc, which alone can say so.
void print_allocator();

}  // namespace workload
