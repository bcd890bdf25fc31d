// SPDX-License-Identifier: Apache-2.0
// A function that libc's fork calls in the child, on its only thread, before it returns there.
#pragma once

namespace reslab {

// Takes a lock of libc's: for constructors only. Nothing happens where libc has no such thing.
void register_fork_child(void (*function)());

}  // namespace reslab
