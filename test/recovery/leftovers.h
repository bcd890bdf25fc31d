// SPDX-License-Identifier: Apache-2.0
// What calls that never returned have left lying about, as reslab_check sees it. It is capacity that is out of use: units
// that nobody describes, slabs and blocks on no list, counts that were to be changed. Anything else that the audit finds
// is damage: an object in two places, a list that is broken.
#pragma once

#include <cstdint>

namespace recovery {

// Runs reslab_check, fails on any line that tells of damage, and returns how many tell of leftovers.
uint64_t count_leftovers();

}  // namespace recovery
