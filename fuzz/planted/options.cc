// SPDX-License-Identifier: Apache-2.0
// A fault for a fuzzer to find: local locks are tried all the same, where nobody asks for help. runs_test.py has
// options_fuzz.cc call this in place of parse_options.

#include "base/options.h"

namespace reslab {

void spoiling_parse_options(Options& options, Speak speak) {
  parse_options(options, speak);
  const bool is_never = options.local_lock == static_cast<uint32_t>(LocalLockOption::kNever);
  if (is_never && !options.help) options.local_lock = static_cast<uint32_t>(LocalLockOption::kTry);
}

}  // namespace reslab
