// SPDX-License-Identifier: Apache-2.0
// What `reslab top` shows at a time: lines of text, as wide and as many as fit.
#pragma once

#include <string>
#include <vector>

#include "commands.h"
#include "survey.h"

namespace reslab::tool {

// Two surveys and the time between them; the first look has no earlier one.
struct Look {
  const outside::Survey& now;
  const outside::Survey* before;
  double seconds;
};

// At least 24 columns and 8 lines.
std::vector<std::string> draw_frame(const Look& look, const TopSettings& settings, int columns, int lines);

std::vector<std::string> draw_help();

// The line of the frame that heads its table.
inline constexpr int kHeadLine = 5;

}  // namespace reslab::tool
