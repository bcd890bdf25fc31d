// SPDX-License-Identifier: Apache-2.0
// The limit that the process sets itself (option hard_limit). Units in use never pass it, but for what threads that grow at
// the same moment claim; what is free and dirty gives way to them. So a call is refused for what others use and not for
// what they are doing: units in the hand of a purge count as free.
#pragma once

#include <cstdint>

#include "arena/arena.h"
#include "base/contract.h"

namespace reslab {

// Asked before units are claimed: is there room for so many more, as it is?
bool has_room(uint32_t units);

// The same, where a plain call gives back all slabs that are empty before it is refused; its first refusal is reported. The
// others fail without a word.
bool make_room(uint32_t units, Contract contract);

// Asked behind a claim, with what it got: a plain call brings down what is dirty. Others cannot, and have to do without
// units that were not.
UnitRun within_limit(const UnitRun& run, Contract contract);

}  // namespace reslab
