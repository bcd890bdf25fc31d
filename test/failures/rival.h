// SPDX-License-Identifier: Apache-2.0
// Somebody who takes, at a place in the middle of an operation, whatever that operation is about to take: so that its
// next compare-and-swap fails. It runs in hook callbacks, as a handler that has interrupted the operation would.
#pragma once

#include <cstddef>
#include <cstdint>

namespace failures {

enum class Grip : uint8_t { kReturns, kKeeps };  // gives back what it took at once, or when all is over

// The sizes that the operations under test are about.
inline constexpr size_t kContested[] = {64, 8192, 16384, 300'000};

// Before the operations, while nothing is interrupted: what the rival needs of its own.
void prepare_rival();

// One move: on the block pool, the depot, the partial lists, the deferred lists, the local lock and the active slab of
// each contested class, on units and on the frontier. What it keeps is bounded.
void rival_moves(Grip grip);

// Everything that it has kept goes back.
void dismiss_rival();

// Allocations that it was refused, which is a rival's lot; they count as failures of nolock calls.
uint64_t rival_refusals();

}  // namespace failures
