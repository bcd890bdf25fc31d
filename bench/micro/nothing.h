// SPDX-License-Identifier: Apache-2.0
// An allocator that does nothing. It stands where the allocator under test stands: in a library of its own that the program
// reaches by its linkage table, or linked into the program.
#pragma once

#include <cstddef>

extern "C" {
void* nothing_allocate(size_t size);
void nothing_free(void* object);
}
