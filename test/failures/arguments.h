// The command line of these programs, and where their words go. One table says what a program understands; `--help`
// prints it, and anything else ends the program with a line that names what was wrong.
#pragma once

#include <cstdint>
#include <cstdio>
#include <span>

namespace trials {

struct Option {
  const char* name;   // with its dashes
  const char* value;  // what stands behind it, for the help; nullptr: it is a switch
  const char* help;
};

class Arguments {
 public:
  // `summary` is the first line of the help. Both are kept by reference.
  Arguments(int argc, char** argv, const char* summary, std::span<const Option> options);

  bool has(const char* name) const { return find(name) != nullptr; }
  const char* text(const char* name, const char* absent) const;
  // Decimal, at least `least`.
  uint64_t number(const char* name, uint64_t absent, uint64_t least = 1) const;

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

// Every line goes to stdout and, where one was opened, to the log file as well: at once, since what is tested may end
// the process.
class Log {
 public:
  // False: the file cannot be written.
  bool open(const char* path);
  [[gnu::format(printf, 2, 3)]] void line(const char* format, ...);

 private:
  FILE* file_ = nullptr;
};

// Fails, with a message, unless the library runs in `mode`, "rseq" or "fallback". nullptr: any. Returns the name of the
// mode that it runs in.
const char* require_mode(const char* mode);

}  // namespace trials
