// SPDX-License-Identifier: Apache-2.0
#include "arguments.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace support {
namespace {

// Of words with bars between them.
bool is_one_of(const char* word, const char* words) {
  const size_t length = strlen(word);
  for (const char* start = words;; ++start) {
    const char* end = strchrnul(start, '|');
    if (static_cast<size_t>(end - start) == length && strncmp(start, word, length) == 0) return true;
    if (*end == '\0') return false;
    start = end;
  }
}

bool is_choice(const Option& option) { return strchr(option.value, '|') != nullptr; }

}  // namespace

Arguments::Arguments(int argc, char** argv, const char* summary, std::span<const Option> options)
    : argc_(argc), argv_(argv), summary_(summary), options_(options) {
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--help") == 0) {
      print_help(stdout);
      exit(0);
    }
    const Option* known = option(argv[i]);
    if (known == nullptr) refuse(argv[i], "is not known");
    if (known->value == nullptr) continue;
    if (++i == argc) refuse(known->name, "wants a value");
    if (is_choice(*known) && !is_one_of(argv[i], known->value)) refuse(known->name, "is none of these words");
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

const char* Arguments::required(const char* name) const {
  const char* words = text(name, nullptr);
  if (words == nullptr) refuse(name, "is missing");
  return words;
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

double Arguments::amount(const char* name, double absent) const {
  const char* words = text(name, nullptr);
  if (words == nullptr) return absent;
  char* end = nullptr;
  const double value = strtod(words, &end);
  if (end == words || *end != '\0' || !(value > 0)) refuse(name, "wants a number above zero");
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
    fprintf(out, "  %-30s %s\n", head, one.help);
  }
  fprintf(out, "  %-30s %s\n", "--help", "this list");
}

}  // namespace support
