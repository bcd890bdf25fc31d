// SPDX-License-Identifier: Apache-2.0
// Was malloc interrupted? Tells whether an address lies in the code of the library that malloc comes from.
#pragma once

#include <ucontext.h>

// Finds that library; it is looked up once, since looking up takes locks.
void find_malloc_code();

// From a handler: is the interrupted instruction in that library? (Of libc, malloc is a part: there it says "in libc".)
bool interrupted_malloc_code(const ucontext_t& interrupted);
