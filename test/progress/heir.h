// SPDX-License-Identifier: Apache-2.0
// A child of a process one of whose threads is in the middle of an operation: that thread does not exist in the child,
// and will never finish. The child works, forks a child of its own that does the same, and audits what it inherited.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ledger.h"

namespace progress {

// What the heap held when the operation was about to begin, and what it may do to that.
struct Estate {
  const support::Ledger* ledger;
  size_t in_hand;        // objects of the doer, then
  size_t in_hand_now;    // of these, out of the operation's reach
  uint32_t units_added;  // for large blocks
  uint64_t lost_before;  // small objects that were missing already; a child may find them again
  uint32_t objects_added = 1;
};

// Fails unless what is handed out now is what the estate allows; in a child, with nothing of its own handed out.
void expect_estate(const Estate& estate);

// Forks; the calling process sees to it that child and grandchild come to a good end.
void leave_to_heirs(const Estate& estate);

// In a child: works, has `generations` more, and ends the process with status 0 if everything held.
[[noreturn]] void live_as_heir(const Estate& estate, int generations);

}  // namespace progress
