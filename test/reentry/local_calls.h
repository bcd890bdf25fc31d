// SPDX-License-Identifier: Apache-2.0
// Calls that the table names like symbols of the library, and that stand for several of its calls, or for one that is made
// in a particular way.
#pragma once

#include "traps.h"

namespace reentry {

// Frees a part of the stock, with flushes enough that one of them looks at the tide.
constexpr const char kFreeMany[] = "many frees";
// malloc and free, each time from another place of the program: a stack that the depot of stacks does not have yet.
constexpr const char kMallocAnew[] = "malloc by a new way";
// malloc by a thread that has entered the_group.
constexpr const char kMallocInGroup[] = "malloc in a group";
// Hands an object to the reclaimer, which finds that its grace period is over (reslab/rcu.h).
constexpr const char kRetire[] = "retire and reclaim";

// nullptr: none of these.
Entry local_call(const char* name);

}  // namespace reentry
