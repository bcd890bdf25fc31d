// SPDX-License-Identifier: Apache-2.0
// What all of these programs are told, for the quick form and for the long one.
#pragma once

#include <cstdint>

#include "log.h"

namespace progress {

struct Settings {
  const char* mode;        // "rseq" or "fallback": what the library must be found in
  const char* local_lock;  // likewise
  double minutes;          // 0: the quick form
  uint64_t seed;
  const char* operation;  // only this one, for a look at a failure
  support::Log log;

  bool quick() const { return minutes == 0; }
};

// Prints the help and ends the process with status 0 for --help, with 2 for anything that it does not understand.
Settings read_settings(int argc, char** argv, const char* purpose);

// Fails unless the library runs in the mode and with the local lock that were asked for.
void require(const Settings& settings);

}  // namespace progress
