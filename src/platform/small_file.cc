// SPDX-License-Identifier: Apache-2.0
#include "platform/small_file.h"

#include <fcntl.h>

#include "platform/syscall.h"

namespace reslab {

size_t read_numbers(const char* path, size_t* out, size_t max_count) {
  const long fd = sys_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char buffer[128];
  const long length = sys_call(SYS_read, fd, reinterpret_cast<long>(buffer), sizeof buffer);
  sys_call(SYS_close, fd);

  size_t count = 0;
  bool in_number = false;
  for (long i = 0; i < length; ++i) {
    const bool digit = buffer[i] >= '0' && buffer[i] <= '9';
    if (digit && !in_number) {
      if (count == max_count) break;
      out[count++] = 0;
    }
    if (digit) out[count - 1] = out[count - 1] * 10 + static_cast<size_t>(buffer[i] - '0');
    in_number = digit;
  }
  return count;
}

}  // namespace reslab
