// A child after fork, in any form (fork, _Fork, clone): no handler takes or waits for anything. The child notices on its
// first slow path that a word reads as zero, and repairs what threads that are gone were carrying (22).
#pragma once

#include <cstdint>

namespace reslab {

struct Root;

// The word lives in a MADV_WIPEONFORK page.
inline constexpr uint32_t kForkUnnoticed = 0;
inline constexpr uint32_t kForkRecovering = 1;
inline constexpr uint32_t kForkSettled = 2;

// Idempotent and re-entrant: a handler that allocates meanwhile goes on with what is there; a fork in the middle makes the
// grandchild begin again. What the forking thread itself holds, in frames below, is left to it.
void recover_after_fork(Root& root);

}  // namespace reslab
