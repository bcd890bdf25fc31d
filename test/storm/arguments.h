// The arguments of these programs: pairs "--name value", values numbers except for the mode.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace storm {

class Arguments {
 public:
  // `usage` lists every name that the program knows, "--mode" among them.
  Arguments(int argc, char** argv, const char* usage) : argc_(argc), argv_(argv), usage_(usage) {
    for (int i = 1; i < argc; i += 2) {
      if (!known(argv[i]) || i + 1 == argc) refuse(argv[i]);
    }
  }

  // In which mode the library is expected to run; required.
  const char* mode() const {
    const char* const text = find("--mode");
    if (text == nullptr || (strcmp(text, "rseq") != 0 && strcmp(text, "fallback") != 0)) refuse("--mode");
    return text;
  }

  uint64_t number(const char* name, uint64_t absent) const {
    const char* const text = find(name);
    if (text == nullptr) return absent;
    char* end;
    const uint64_t value = strtoull(text, &end, 10);
    if (*end != '\0' || value == 0) refuse(name);
    return value;
  }

 private:
  bool known(const char* name) const {
    const char* const place = strstr(usage_, name);
    return strncmp(name, "--", 2) == 0 && place != nullptr && place[strlen(name)] == ' ';
  }

  const char* find(const char* name) const {
    for (int i = 1; i + 1 < argc_; i += 2) {
      if (strcmp(argv_[i], name) == 0) return argv_[i + 1];
    }
    return nullptr;
  }

  [[noreturn]] void refuse(const char* what) const {
    fprintf(stderr, "%s: bad or missing: %s\nusage: %s %s\n", argv_[0], what, argv_[0], usage_);
    exit(2);
  }

  int argc_;
  char** argv_;
  const char* usage_;
};

}  // namespace storm
