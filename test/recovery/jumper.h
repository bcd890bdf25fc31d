// SPDX-License-Identifier: Apache-2.0
// A thread whose handler leaves by siglongjmp whenever its signal has interrupted the library: from inside malloc, free
// and their kin, which never return. What it was doing is given up; the next operation begins.
#pragma once

#include <cstdint>

#include "library_map.h"

namespace recovery {

struct Jumps {
  uint64_t fast;  // out of an entry point, before or behind the one restartable section of the fast path
  uint64_t slow;  // out of anything else of the library
  // Of the slow ones: those that had a whole slab in hand, which nobody else could find, or units that they were
  // claiming, giving back or purging.
  uint64_t with_slab = 0, with_units = 0;
  // Of the large blocks that these calls were to allocate or to free, one for each call at most, all units.
  uint64_t run_units = 0;
  uint64_t all() const { return fast + slow; }
};

// Works and jumps until the whole process has jumped `least` times, however long that takes, and `seconds` are over.
// Frees what it has at the end. The objects are stamped, and the stamps checked.
Jumps jump_about(const support::LibraryMap& library, uint64_t seed, uint64_t least, double seconds);

}  // namespace recovery
