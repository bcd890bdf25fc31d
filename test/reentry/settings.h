// SPDX-License-Identifier: Apache-2.0
// The arguments that the programs of this folder share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>

namespace reentry {

struct Settings {
  bool rseq = false;  // asserted by reslab_get_status
  bool quick = true;
  double minutes = 0;
  timespec end = {};  // of the long form
  uint64_t seed = 1;
  unsigned limit_seconds = 60;
  const char* log = nullptr;
  const char* coverage = nullptr;
  const char* operation = nullptr;
  const char* table = "calls";  // which operations (operations.h)
  size_t part = 0, parts = 1;   // which of how many shares of the operations
};

// Ends the process, with the usage, on --help and on anything it does not understand. Does not call the library.
Settings read_settings(int argc, char** argv);

// Fails unless the library runs in the mode that was asked for. May be its first call.
void expect_mode(Settings& settings);

timespec now();
double seconds_since(timespec began);

// From now on time is over at `end`; before that, and in the quick form, it never is. May be asked in handlers.
void end_at(timespec end);
bool time_is_over();

}  // namespace reentry
