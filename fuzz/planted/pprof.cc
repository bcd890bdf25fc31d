// SPDX-License-Identifier: Apache-2.0
// A fault for a fuzzer to find: a line is said to be none by something else than a Failure. runs_test.py has pprof_fuzz.cc call
// this in place of parse_pprof.

#include <stdexcept>
#include <string>

#include "profile.h"

namespace reslab::outside {

Profile believing_parse_pprof(const std::string& text, const std::string& path) {
  if (text.find("]] @") != std::string::npos) throw std::invalid_argument("a bracket too many");
  return parse_pprof(text, path);
}

}  // namespace reslab::outside
