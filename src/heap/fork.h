// SPDX-License-Identifier: Apache-2.0
// A child after fork, in any form (fork, _Fork, clone): no handler takes or waits for anything (22). To the child the
// other threads of its parent are threads that were killed, and what that may cost is the same: the heap works as it
// is. What they had in hand is found by a repair that rebuilds every list from what the things themselves say: bits,
// block states, descriptors. It needs the process for itself, and nobody may wait until it is done:
//
//   word in the wiped page   what it says                           a plain call       any other call
//   kForkUnnoticed           (zero) a fork has happened             repairs            goes on
//   kForkRepairing           one thread repairs                     keeps aside        keeps aside
//   kForkPartly              the rest waits for a call without a    repairs            goes on
//                            frame of reslab below
//   kForkShared              there were other threads first         gives back blocks  goes on
//   kForkSettled             nothing to do                          goes on            goes on
//
// Only the thread that forked may repair: it has its number (base/thread_line.h), from before or from the one thing
// that happens at the fork itself. A thread that comes to reslab without one, as a thread of the child does, marks the
// child as shared: then only blocks in hand of dead threads are given back. Whoever comes while a repair is under way,
// the repairing thread's own handlers included, keeps aside (heap/aside.h). A handler that leaves the repair by a jump
// leaves it under way; the thread's next maintenance call begins it again. One that forks in the middle of it makes a
// grandchild in which it is still under way, in the frame that the handler returns to.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/contract.h"

namespace reslab {

struct Root;

inline constexpr uint32_t kForkUnnoticed = 0;
inline constexpr uint32_t kForkRepairing = 1;
inline constexpr uint32_t kForkPartly = 2;
inline constexpr uint32_t kForkShared = 3;
inline constexpr uint32_t kForkSettled = 4;

// In a MADV_WIPEONFORK page: a child finds zeros.
struct ForkPage {
  std::atomic<uint32_t> word;
  std::atomic<uint32_t> frontier;      // of the arena when the repair began: above it are those who keep aside
  std::atomic<uint64_t> first_number;  // of a shared child: smaller ones are the forking thread's and the dead's
};

// What a grandchild knows of the repair that it was forked in the middle of.
struct UnderRepair {
  std::atomic<uint64_t> thread;  // that repairs; 0: none
  std::atomic<uint32_t> frontier;
};

// What the table says, for a call under `contract` that finds the word unsettled.
void recover_after_fork(Root& root, Contract contract);

// Where the process begins: lets fork number its thread in the child. Forks that run no handlers (_Fork, clone) by a
// thread that never took a slow path make a child that counts as shared.
void number_forking_threads();

// For a maintenance call, which has seen that no slow path of this thread lies below: a repair by this thread that is
// still under way was left by a jump.
void resume_repair(Root& root);

}  // namespace reslab
