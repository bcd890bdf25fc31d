// SPDX-License-Identifier: Apache-2.0
// The limit that the process sets itself (option hard_limit). Units in use never pass it, but for what threads that grow at
// the same moment claim, or others have in hand; what is free and dirty gives way to them. So a call is refused for what
// others use and not for what they are doing (arena/transit.h).
#pragma once

#include <cstdint>

#include "arena/arena.h"
#include "base/contract.h"
#include "base/options.h"

namespace reslab {

bool has_room_below(uint64_t limit, uint32_t units);

// Asked before units are claimed: is there room for so many more, as it is?
inline bool has_room(uint32_t units) {
  const uint64_t limit = options().hard_limit;
  return __builtin_expect(limit == 0, 1) || has_room_below(limit, units);
}

// The same, where a plain call gives back the slabs that are empty before it is refused; its first refusal is reported. The
// others fail without a word.
bool make_room(uint32_t units, Contract contract);

// What a call that found room has claimed: a plain one brings down what is dirty; others cannot, and do without units of which
// none was dirty and for which there is no room.
UnitRun settled_below(uint64_t limit, const UnitRun& run, Contract contract);

// What claim() gets of `units`, if there is room for it.
template <class Claim>
UnitRun claim_below_limit(uint32_t units, Contract contract, Claim claim) {
  const uint64_t limit = options().hard_limit;
  if (__builtin_expect(limit == 0, 1)) return claim();
  // Of a call that may yet do without them.
  const InTransit tentative(arena().transit(), may_purge(contract) ? 0 : units);
  return settled_below(limit, claim(), contract);
}

}  // namespace reslab
