// The arguments that all of these programs take, for the quick form and for the long one.
#pragma once

#include <cstdint>
#include <cstdio>

namespace progress {

struct Arguments {
  const char* mode = nullptr;      // "rseq" or "fallback": what the library must be found in
  const char* local_lock = "try";  // likewise
  double minutes = 0;              // 0: the quick form
  uint64_t seed = 1;
  const char* operation = nullptr;  // only this one, for a look at a failure
  FILE* log = nullptr;

  bool quick() const { return minutes == 0; }
};

// Prints the usage and ends the process with status 0 for --help, with 2 for anything that it does not understand.
Arguments parse_arguments(int argc, char** argv, const char* purpose);

// Fails unless the library runs in the mode and with the local lock that were asked for.
void require_mode(const Arguments& arguments);

// A line on stdout, and in the log where there is one.
[[gnu::format(printf, 2, 3)]] void note(const Arguments& arguments, const char* format, ...);

}  // namespace progress
