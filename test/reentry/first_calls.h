// SPDX-License-Identifier: Apache-2.0
// What first.cc walks: calls that find the library, or a part of it, as a fresh process has it.
#pragma once

#include <vector>

#include "operations.h"

namespace reentry {

enum class Place : uint8_t {
  kAnywhere,
  kInRseqMode,   // in fallback mode there is nothing of the kind
  kWithGuards,   // in a process with debug modes, where each allocation gets a guarded object
  kChildOfUser,  // in a process forked from one that has used the library, and has left a run as the subject
};

struct FirstCall {
  Operation operation;
  Place place = Place::kAnywhere;
};

const std::vector<FirstCall>& first_calls();
std::vector<FirstCall> first_typed_calls();  // those of typed caches, groups and bounds

}  // namespace reentry
