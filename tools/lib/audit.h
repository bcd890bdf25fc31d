// SPDX-License-Identifier: Apache-2.0
// The audit from outside: the invariants of src/heap/check.h, by their names. A core file and a process at rest are
// checked for all of them. While a process runs, an object on its way is in no place or in two, so there only what holds
// at any moment is checked (57), and only what three looks in a row agree on is a finding.
#pragma once

#include <string>
#include <vector>

#include "view.h"

namespace reslab::outside {

enum class Depth { kStructure, kEverything };

struct AuditResult {
  std::vector<std::string> findings;  // a line each, as reslab_check prints them
  uint64_t units, slabs, objects_cached, blocks;
};

AuditResult audit(const View& view, Depth depth);

// What is right for the target: everything of a core file, the structure of a running process.
AuditResult audit(const View& view);

}  // namespace reslab::outside
