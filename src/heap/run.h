// SPDX-License-Identifier: Apache-2.0
// Runs: objects above the largest class, whole units described by the descriptor of their first one. Huge blocks are long
// runs of the same window; they grow into free units behind them, or by moving their pages elsewhere in it (35).
//
//                  alloc  free  resize   handler on the same thread          child after fork
//   alloc, free    yes    yes   -        yes                                 units in transit stay with the dead
//   resize         yes    -     -        yes: until it returns the run is the caller's alone
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/contract.h"
#include "heap/heap.h"

namespace reslab {

void* run_allocate(const Request& request);

// The same for a block that grows and will grow again: among all that is free, kept runs included, which alone hardly ever
// have room behind them. A chain of growing blocks would take at each step the one that the last chain left, and copy.
void* run_allocate_to_grow(const Request& request);

// The same of units that were never used, whatever is free below the frontier (heap/aside.h).
void* run_allocate_fresh(const Request& request);

// False: no run starts there (any more). `kept`: whole, for the next of its length, if the arena has room for it. `zero`: its
// pages have gone elsewhere. `hole`: its units are a hole of the arena's already.
enum class RunUnits : uint8_t { kKept, kZero, kHole };
bool run_free(uint32_t unit, Contract contract, RunUnits then = RunUnits::kKept);

size_t run_bytes(uint32_t unit);

// Shrinks, or grows into free units behind it; false: it stays as it was.
bool run_resize_in_place(uint32_t unit, size_t bytes, Contract contract);

// Moves the run's pages to a longer one without copying; nullptr: not possible, copy.
void* run_move(uint32_t unit, size_t bytes);

}  // namespace reslab
