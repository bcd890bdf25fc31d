#include "arguments.h"

#include <reslab/reslab.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

namespace trials {

Arguments::Arguments(int argc, char** argv, const char* summary, std::span<const Option> options)
    : argc_(argc), argv_(argv), summary_(summary), options_(options) {
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--help") == 0) {
      print_help(stdout);
      exit(0);
    }
    const Option* known = option(argv[i]);
    if (known == nullptr) refuse(argv[i], "is not known");
    if (known->value != nullptr && ++i == argc) refuse(known->name, "wants a value");
  }
}

const Option* Arguments::option(const char* name) const {
  for (const Option& one : options_) {
    if (strcmp(one.name, name) == 0) return &one;
  }
  return nullptr;
}

const char* const* Arguments::find(const char* name) const {
  for (int i = 1; i < argc_; ++i) {
    if (strcmp(argv_[i], name) == 0) return &argv_[i];
    if (option(argv_[i])->value != nullptr) ++i;
  }
  return nullptr;
}

const char* Arguments::text(const char* name, const char* absent) const {
  const char* const* place = find(name);
  return place == nullptr ? absent : place[1];
}

uint64_t Arguments::number(const char* name, uint64_t absent, uint64_t least) const {
  const char* words = text(name, nullptr);
  if (words == nullptr) return absent;
  char* end = nullptr;
  errno = 0;
  const uint64_t value = strtoull(words, &end, 10);
  if (words[0] < '0' || words[0] > '9' || *end != '\0' || errno != 0) refuse(name, "wants a decimal number");
  if (value < least) refuse(name, "is too small");
  return value;
}

void Arguments::refuse(const char* what, const char* why) const {
  fprintf(stderr, "%s: %s %s\n", argv_[0], what, why);
  print_help(stderr);
  exit(2);
}

void Arguments::print_help(FILE* out) const {
  fprintf(out, "%s\n\nusage: %s [OPTION]...\n", summary_, argv_[0]);
  for (const Option& one : options_) {
    char head[64];
    snprintf(head, sizeof head, "%s %s", one.name, one.value == nullptr ? "" : one.value);
    fprintf(out, "  %-22s %s\n", head, one.help);
  }
  fprintf(out, "  %-22s %s\n", "--help", "this list");
}

bool Log::open(const char* path) {
  static bool begun = false;  // a program of two parts says both
  file_ = fopen(path, begun ? "ae" : "we");
  begun = true;
  return file_ != nullptr;
}

void Log::line(const char* format, ...) {
  char words[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(words, sizeof words, format, arguments);
  va_end(arguments);
  for (FILE* out : {stdout, file_}) {
    if (out == nullptr) continue;
    fprintf(out, "%s\n", words);
    fflush(out);
  }
}

const char* require_mode(const char* mode) {
  reslab_status status = {};
  if (reslab_get_status(&status, sizeof status) != 0) status.mode = RESLAB_MODE_NONE;
  const char* real = status.mode == RESLAB_MODE_RSEQ       ? "rseq"
                     : status.mode == RESLAB_MODE_FALLBACK ? "fallback"
                                                           : "none";
  if (mode == nullptr || strcmp(mode, real) == 0) return real;
  fprintf(stderr, "the library runs in mode %s, not in %s: %s\n", real, mode, status.mode_reason);
  exit(1);
}

}  // namespace trials
