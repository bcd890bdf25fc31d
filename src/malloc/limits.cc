// SPDX-License-Identifier: Apache-2.0
// A process that lowers its own address-space limit: reslab's untouched reservation would count against it and make
// every later mmap and pthread_create fail (36). So where reslab is the malloc it sees the call and gives the unused tail
// back; what is needed later is reserved step by step, like any other allocator's memory.

#include <sys/resource.h>

#include <cerrno>

#include "heap/root.h"
#include "platform/syscall.h"

using namespace reslab;

namespace {

// The kernel is asked what the limit is now: where it wrote the old one to, the program's new one may have been.
void give_back_reservations() {
  struct rlimit now;
  const bool is_known = sys_call(SYS_prlimit64, 0, RLIMIT_AS, 0, reinterpret_cast<long>(&now)) == 0;
  if (!is_known || now.rlim_cur == RLIM_INFINITY || !ensure_root(Contract::kPlain)) return;
  arena().give_back_reservation(now.rlim_cur);
  blocks().give_back_reservation();
  give_back_spare_regions(now.rlim_cur);
}

// On 64-bit systems rlimit and rlimit64 are the same.
int set_limit(pid_t pid, int resource, const void* wanted, void* old) {
  const long result =
      sys_call(SYS_prlimit64, pid, resource, reinterpret_cast<long>(wanted), reinterpret_cast<long>(old));
  if (result != 0) {
    errno = static_cast<int>(-result);
    return -1;
  }
  if (resource == RLIMIT_AS && wanted != nullptr && (pid == 0 || pid == sys_call(SYS_getpid))) give_back_reservations();
  return 0;
}

}  // namespace

// asm labels: libc's headers declare these names with types of their own.
extern "C" {
__attribute__((visibility("hidden"))) extern const char reslab_limits = 0;  // see malloc.cc

__attribute__((visibility("default"))) int reslab_setrlimit(int, const void*) asm("setrlimit");
__attribute__((visibility("default"))) int reslab_setrlimit64(int, const void*) asm("setrlimit64");
__attribute__((visibility("default"))) int reslab_prlimit(pid_t, int, const void*, void*) asm("prlimit");
__attribute__((visibility("default"))) int reslab_prlimit64(pid_t, int, const void*, void*) asm("prlimit64");

int reslab_setrlimit(int resource, const void* wanted) { return set_limit(0, resource, wanted, nullptr); }
int reslab_setrlimit64(int resource, const void* wanted) { return set_limit(0, resource, wanted, nullptr); }
int reslab_prlimit(pid_t pid, int resource, const void* wanted, void* old) {
  return set_limit(pid, resource, wanted, old);
}
int reslab_prlimit64(pid_t pid, int resource, const void* wanted, void* old) {
  return set_limit(pid, resource, wanted, old);
}
}
