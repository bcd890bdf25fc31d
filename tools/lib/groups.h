// SPDX-License-Identifier: Apache-2.0
// The groups of a process: budgets of bytes, with the figures of reslab_get_group_stats.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "view.h"

namespace reslab::outside {

struct GroupFigures {
  uint32_t id, parent;  // 0: lies in none
  std::string name;
  bool has_limit;
  uint64_t limit_bytes, usage_bytes, peak_bytes, failures;
};

// Those that are in use, by their ids.
std::vector<GroupFigures> read_groups(const View& view);

}  // namespace reslab::outside
