// SPDX-License-Identifier: Apache-2.0
// How every maintenance call begins.
#pragma once

#include <cstdint>

namespace reslab {

struct Root;

// Nothing of this thread's lies below the call whose frame is at `frame`, so what the thread has left behind can be
// mended. nullptr: errno says why it may not or cannot run.
Root* begin_maintenance(const char* call, uintptr_t frame);

}  // namespace reslab
