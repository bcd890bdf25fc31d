// SPDX-License-Identifier: Apache-2.0
// The command line of a test program. One table says what it understands; `--help` prints it, and anything else ends the
// program with a line that names what was wrong. Allocates nothing and does not call the library.
#pragma once

#include <cstdint>
#include <cstdio>
#include <span>

namespace support {

struct Option {
  const char* name;  // with its dashes
  const char*
      value;  // what stands behind it: a name for it, or the words it may be, "try|always|never". nullptr: a switch
  const char* help;
};

// Rows of those tables. Whoever runs all long forms gives each --mode, --minutes, --seed and --log.
inline constexpr Option kModeOption = {"--mode", "rseq|fallback",
                                       "fail unless the library runs in this mode (set by RESLAB_OPTIONS)"};
inline constexpr Option kSeedOption = {"--seed", "S", "for all that is drawn (default 1)"};
inline constexpr Option kIdleSeedOption = {
    "--seed", "S", "taken for the sake of those who run all long forms; nothing here is random"};
inline constexpr Option kLogOption = {"--log", "FILE", "what is said goes there as well"};

class Arguments {
 public:
  // `summary` is the first line of the help. Both are kept by reference.
  Arguments(int argc, char** argv, const char* summary, std::span<const Option> options);

  bool has(const char* name) const { return find(name) != nullptr; }
  const char* text(const char* name, const char* absent) const;
  const char* required(const char* name) const;
  // Decimal, at least `least`.
  uint64_t number(const char* name, uint64_t absent, uint64_t least = 1) const;
  // Above zero, perhaps with a fraction.
  double amount(const char* name, double absent) const;

  // Ends the program with the help, for a value that only the program can judge.
  [[noreturn]] void refuse(const char* what, const char* why) const;

 private:
  const Option* option(const char* name) const;
  const char* const* find(const char* name) const;
  void print_help(FILE* out) const;

  int argc_;
  char** argv_;
  const char* summary_;
  std::span<const Option> options_;
};

}  // namespace support
