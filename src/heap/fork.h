// A child after fork, in any form (fork, _Fork, clone): no handler takes or waits for anything. The child notices on its
// first slow path that a word reads as zero, and repairs what threads that are gone have left (22).
//
// If the fork came from a handler that interrupted a slow path, what that path holds looks just like what the dead held.
// So while a frame of reslab may be below, only what is surely the dead's is taken (blocks in hand of other owners, local
// locks); the whole repair follows with the first slow call that has no frame below it. It rebuilds every list from what
// the things themselves say: bits, block states, descriptors.
#pragma once

#include <cstdint>

namespace reslab {

struct Root;

// The word lives in a MADV_WIPEONFORK page.
inline constexpr uint32_t kForkUnnoticed = 0;
inline constexpr uint32_t kForkRepairing = 1;
inline constexpr uint32_t kForkPartly = 2;  // the whole repair waits for a call without a frame below
inline constexpr uint32_t kForkSettled = 3;

// Idempotent and re-entrant: a handler that allocates meanwhile goes on with what is there; a fork in the middle makes the
// grandchild begin again.
void recover_after_fork(Root& root);

}  // namespace reslab
