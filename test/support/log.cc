// SPDX-License-Identifier: Apache-2.0
#include "log.h"

#include <cstdarg>

namespace support {

Log::Log(const Arguments& arguments) {
  const char* path = arguments.text("--log", nullptr);
  if (path == nullptr) return;
  static bool begun = false;
  file_ = fopen(path, begun ? "ae" : "we");
  if (file_ == nullptr) arguments.refuse("--log", "names a file that cannot be written");
  begun = true;
}

void Log::line(const char* format, ...) const {
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

}  // namespace support
