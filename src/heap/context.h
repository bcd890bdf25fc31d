// Where maintenance calls are refused: what can be known of the context without asking the kernel much (21).
#pragma once

namespace reslab {

// False: a slow path of reslab lies below on this thread, a nolock scope is open, or the thread runs
// on an alternate signal stack.
bool may_maintain();

}  // namespace reslab
