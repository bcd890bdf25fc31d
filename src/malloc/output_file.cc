// SPDX-License-Identifier: Apache-2.0
#include "malloc/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "platform/syscall.h"

namespace reslab {
namespace {

void expand_path(Line& path, const char* pattern) {
  for (const char* c = pattern; *c != '\0'; ++c) {
    if (c[0] == '%' && c[1] == 'p') {
      path.dec(static_cast<uint64_t>(sys_call(SYS_getpid)));
      ++c;
    } else {
      path.text(c, 1);
    }
  }
}

}  // namespace

void write_output_file(const char* pattern, const char* suffix, const char* what, int (*write)(int fd)) {
  Line path;
  expand_path(path, pattern);
  path.text(suffix);
  const long fd = sys_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path.c_str()),
                           O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const int error = fd < 0 ? static_cast<int>(-fd) : write(static_cast<int>(fd));
  if (fd >= 0) sys_call(SYS_close, fd);
  if (error == 0) return;
  Line line;
  line.text("reslab: cannot write ").text(what).text(" to '").text(path.c_str()).text("': errno ");
  line.dec(static_cast<uint64_t>(error)).write_to(STDERR_FILENO);
}

}  // namespace reslab
