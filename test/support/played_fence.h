// SPDX-License-Identifier: Apache-2.0
// The kernel's fence of restartable sections (MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ) as a call of the test's: what can
// only happen on another CPU while the fence is under way is made to happen there. By a seccomp filter. x86-64 only.
#pragma once

namespace support {

// From now on each such fence of this thread, of those that it makes and of children calls `on_fence` in a signal handler
// instead, and has succeeded then. False: this system allows no filter.
[[nodiscard]] bool play_fences(void (*on_fence)());

}  // namespace support
