// SPDX-License-Identifier: Apache-2.0
// Where the words of a test program go. Every line goes to stdout and, where --log names one, to a file as well: at once,
// since what is tested may end the process.
#pragma once

#include <cstdio>

#include "arguments.h"

namespace support {

class Log {
 public:
  Log() = default;  // stdout alone
  // As --log says. A program that makes a second one goes on in the same file.
  explicit Log(const Arguments& arguments);

  [[gnu::format(printf, 2, 3)]] void line(const char* format, ...) const;

 private:
  FILE* file_ = nullptr;
};

}  // namespace support
