// SPDX-License-Identifier: Apache-2.0
// The process's start and end, where reslab is its malloc: what an option needs that must not wait for the first handler,
// and the statistics and the heap profile when the process exits.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/sight.h"
#include "base/text.h"
#include "base/unwind.h"
#include "heap/root.h"
#include "malloc/output_file.h"
#include "malloc/profile_dump.h"
#include "platform/syscall.h"

namespace reslab {
namespace {

// Standard error as it was at the start, for stats=1: many programs close theirs before the destructors run. What it was
// is remembered with it, since a program may close every descriptor it finds and open others in their place.
struct KeptStderr {
  int fd;
  struct stat identity;

  void keep() {
    const long copy = sys_call(SYS_fcntl, STDERR_FILENO, F_DUPFD_CLOEXEC, kFirst);
    fd = copy >= 0 && sys_call(SYS_fstat, copy, reinterpret_cast<long>(&identity)) == 0 ? static_cast<int>(copy) : -1;
  }
  int now() const {
    struct stat found;
    const bool is_there = fd >= 0 && sys_call(SYS_fstat, fd, reinterpret_cast<long>(&found)) == 0;
    const bool is_same = is_there && found.st_dev == identity.st_dev && found.st_ino == identity.st_ino;
    return is_same ? fd : STDERR_FILENO;
  }

 private:
  static constexpr long kFirst = 100;  // programs like their low numbers
};
constinit KeptStderr kept_stderr = {-1, {}};

#ifdef RESLAB_STATIC
// A static program has the unwinder that it was linked with, or none: dlopen would want the very libc it was made with.
void* load_library(const char*) { return nullptr; }
void* find_symbol(void*, const char*) { return nullptr; }
#else
// By way of dlsym: a symbol that few starts need is one less for the loader to look for at all of them.
void* load_library(const char* name) {
  const auto open = reinterpret_cast<decltype(&dlopen)>(dlsym(RTLD_DEFAULT, "dlopen"));
  return open == nullptr ? nullptr : open(name, RTLD_NOW | RTLD_LOCAL);
}
void* find_symbol(void* library, const char* name) { return dlsym(library, name); }
#endif

__attribute__((constructor(102))) void start() {
  if (published_root.load(std::memory_order_acquire) == nullptr) return;
  if (options().stats) kept_stderr.keep();
  if (wants_stacks()) load_unwinder(load_library, find_symbol);
  prepare_profile_dumps();
}

__attribute__((destructor(101))) void end() {
  if (published_root.load(std::memory_order_acquire) == nullptr) return;
  if (options().stats) write_stats(kept_stderr.now(), "reslab: stats: ");
  if (options().stats_file[0] != '\0') {
    write_output_file(options().stats_file, "", "the statistics", [](int fd) {
      write_stats(fd, "");
      return 0;
    });
  }
  dump_profile_at_exit();
}

}  // namespace
}  // namespace reslab

extern "C" {
__attribute__((visibility("hidden"))) extern const char reslab_lifetime = 0;  // see malloc.cc
}
