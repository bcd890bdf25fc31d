// The arguments that all long-running programs of the tests have in common, taken out of argv before the others are
// looked at: --help, --quick, --minutes M, --log FILE.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace nolock {

// How long the program is to run, and where its output goes.
class LongForm {
 public:
  // Leaves in `argv` what is not its own. Ends the program for --help and for what makes no sense.
  LongForm(int& argc, char** argv, const char* usage) {
    int kept = 1;
    for (int i = 1; i < argc; i++) {
      if (strcmp(argv[i], "--help") == 0) {
        printf("usage: %s %s\n", argv[0], usage);
        exit(0);
      } else if (strcmp(argv[i], "--quick") == 0) {
        seconds_ = kQuickSeconds;
      } else if (strcmp(argv[i], "--minutes") == 0) {
        seconds_ = 60 * minutes(i + 1 < argc ? argv[++i] : "nothing");
      } else if (strcmp(argv[i], "--log") == 0) {
        write_log_to(i + 1 < argc ? argv[++i] : "");
      } else {
        argv[kept++] = argv[i];
      }
    }
    argc = kept;
  }

  // Unless neither --quick nor --minutes was there.
  unsigned seconds(unsigned otherwise) const { return seconds_ == 0 ? otherwise : seconds_; }

 private:
  static constexpr unsigned kQuickSeconds = 5;
  static constexpr unsigned long kMostMinutes = 24 * 60;

  [[noreturn]] static void refuse(const char* what, const char* found) {
    fprintf(stderr, "%s: %s makes no sense\n", what, found);
    exit(2);
  }

  static unsigned minutes(const char* text) {
    char* rest;
    const unsigned long value = strtoul(text, &rest, 10);
    if (*rest != '\0' || value == 0 || value > kMostMinutes) refuse("--minutes", text);
    return static_cast<unsigned>(value);
  }

  // Both streams: a failure and its backtraces belong into the log as well.
  static void write_log_to(const char* path) {
    if (freopen(path, "w", stdout) == nullptr || freopen(path, "a", stderr) == nullptr) refuse("--log", path);
  }

  unsigned seconds_ = 0;
};

}  // namespace nolock
