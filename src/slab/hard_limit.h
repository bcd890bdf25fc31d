// SPDX-License-Identifier: Apache-2.0
// The limit that the process sets itself (option hard_limit), asked before units are claimed. Two threads that grow at the
// same moment may both pass: then it is exceeded by what the slower one claims.
#pragma once

#include <cstdint>

#include "base/contract.h"

namespace reslab {

// Is there room for so many units more, as it is?
bool has_room(uint32_t units);

// The same, where a plain call gives back what is free before it is refused; its first refusal is reported. The others
// fail without a word.
bool make_room(uint32_t units, Contract contract);

}  // namespace reslab
