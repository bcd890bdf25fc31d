// SPDX-License-Identifier: Apache-2.0
// reslab_check as a test sees it: which rules it found broken, and in what words.
#pragma once

#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <set>
#include <sstream>
#include <string>

#include "support/memory_file.h"

namespace unit {

struct Findings {
  int count;
  std::set<std::string> rules;  // "C1" ...
  std::string text;
};

inline Findings audit() {
  const MemoryFile file;
  Findings findings = {reslab_check(file.fd()), {}, file.text()};
  const std::string prefix = "reslab: check: ";
  std::istringstream lines(findings.text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(prefix, 0) == 0) findings.rules.insert(line.substr(prefix.size(), 2));
  }
  return findings;
}

inline void expect_sound_heap() {
  const Findings findings = audit();
  EXPECT_EQ(findings.count, 0) << findings.text.substr(0, 2000);
}

}  // namespace unit
