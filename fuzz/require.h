// SPDX-License-Identifier: Apache-2.0
// What each fuzz target holds its subject to.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace fuzz {

inline void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz: violated: %s\n", what);
  std::abort();
}
inline void require(bool condition, const std::string& what) { require(condition, what.c_str()); }

}  // namespace fuzz
