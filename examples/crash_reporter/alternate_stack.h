// SPDX-License-Identifier: Apache-2.0
// A stack for signal handlers in each thread: the crash may be that the thread's own stack is full.
#pragma once

#include <stddef.h>

namespace crash_reporter {

// Gives the calling thread one, with an inaccessible page below it, until the thread ends. Nothing happens when the
// thread has one already, or when there is no memory: then the handler runs on the thread's own stack.
//
// The threads that a program makes later get theirs as they start: this file takes pthread_create over.
void give_alternate_stack();

}  // namespace crash_reporter
