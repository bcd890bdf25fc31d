// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "frame.h"
#include "which_malloc.h"

namespace workload {
namespace {

class SmallFile {
 public:
  explicit SmallFile(const char* path) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t length = file < 0 ? -1 : read(file, text_, sizeof text_ - 1);
    if (length <= 0) die(path);
    text_[length] = '\0';
    close(file);
  }

  const char* text() const { return text_; }

  // Of a line "NAME:   NUMBER kB".
  uint64_t kilobytes(const char* name) const {
    const char* const line = strstr(text_, name);
    if (line == nullptr) die(name);
    return strtoull(line + strlen(name), nullptr, 10) * 1024;
  }

 private:
  char text_[4096];
};

}  // namespace

uint64_t resident_bytes() { return SmallFile("/proc/self/smaps_rollup").kilobytes("\nRss:"); }

uint64_t peak_resident_bytes() { return SmallFile("/proc/self/status").kilobytes("\nVmHWM:"); }

uint64_t roughly_resident_bytes() {
  const SmallFile statm("/proc/self/statm");
  const char* const resident = strchr(statm.text(), ' ');
  return strtoull(resident, nullptr, 10) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void print_allocator() {
  printf("\"malloc\": \"%s\", \"reslab_mode\": \"%s\", \"per_cpu\": \"%s\"", owner_of_malloc(), reslab_mode(),
         per_cpu_caches());
}

}  // namespace workload
