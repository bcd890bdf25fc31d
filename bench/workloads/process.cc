// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <reslab/reslab.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "frame.h"

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

const char* owner_of_malloc() {
  Dl_info owner;
  return dladdr(dlsym(RTLD_DEFAULT, "malloc"), &owner) == 0 ? "?" : owner.dli_fname;
}

const char* reslab_mode() {
  const auto get_status = reinterpret_cast<decltype(&reslab_get_status)>(dlsym(RTLD_DEFAULT, "reslab_get_status"));
  reslab_status status = {};
  if (get_status == nullptr || get_status(&status, sizeof status) != 0) return "none";
  return status.mode == RESLAB_MODE_RSEQ ? "rseq" : status.mode == RESLAB_MODE_FALLBACK ? "fallback" : "none";
}

const char* per_cpu_caches() {
  const auto active =
      reinterpret_cast<bool (*)()>(dlsym(RTLD_DEFAULT, "MallocExtension_Internal_GetPerCpuCachesActive"));
  return active == nullptr ? "null" : active() ? "1" : "0";
}

}  // namespace

uint64_t resident_bytes() { return SmallFile("/proc/self/smaps_rollup").kilobytes("\nRss:"); }

uint64_t peak_resident_bytes() { return SmallFile("/proc/self/status").kilobytes("\nVmHWM:"); }

uint64_t roughly_resident_bytes() {
  const SmallFile statm("/proc/self/statm");
  const char* const resident = strchr(statm.text(), ' ');
  return strtoull(resident, nullptr, 10) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void print_allocator() {
  printf("\"malloc\": \"%s\", \"reslab_mode\": \"%s\", \"per_cpu\": %s", owner_of_malloc(), reslab_mode(),
         per_cpu_caches());
}

}  // namespace workload
