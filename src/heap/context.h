// SPDX-License-Identifier: Apache-2.0
// What a call can know of the context it runs in, without asking the kernel much (21): whether a maintenance call may
// wait here, and whether a nolock scope was left open.
#pragma once

#include <cstdint>

namespace reslab {

// False: a slow path of reslab lies below on this thread, a nolock scope or a read section of a grace period is open,
// the thread runs on an alternate signal stack, or (with check_context=1) a signal handler's frame is found by
// unwinding. With check_context=1 each refusal is reported, naming `call`, whose frame is at `frame`. As a side effect
// forgets a slow path that a jump has left: its mark (SlowCall) lies deeper than `frame`. From frames deeper than that
// it still counts as interrupted.
bool may_maintain(const char* call, uintptr_t frame);

// With check_context=1, for a plain call inside a nolock scope: reports that the scope's frame has returned without
// closing it (50). Cannot see it from an alternate stack.
void check_nolock_scope(const char* call, uintptr_t frame);

// Of the function this stands in: the address below which all it calls lies.
#define RESLAB_FRAME reinterpret_cast<uintptr_t>(__builtin_frame_address(0))

}  // namespace reslab
