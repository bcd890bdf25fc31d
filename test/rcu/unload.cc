// SPDX-License-Identifier: Apache-2.0
// A program that has reslab, and opens libreslab-rcu as a plugin would: `unload MODE LIBRARY`.
//
// Whoever closes the library cannot know who still holds a pointer into it, and its threads run its code; so it is linked
// to stay: dlclose does nothing to it. What was retired before is freed afterwards, by the same thread, and whoever opens it
// again finds the same state. It is stopped when the process ends: not before the program's own exit handlers, which may
// still retire and wait; and before the process is gone, with none of its threads left. The last moment that a program can
// see is its system call exit_group, where a filter has this one stop and look.

#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "support.h"

using namespace rcu_test;

namespace {

constexpr int kObjects = 3000;
constexpr int kNotReached = 7;
constexpr unsigned kOurThreads = 2;

struct Library {
  void* handle;
  decltype(&reslab_rcu_init) init;
  decltype(&reslab_free_rcu) free;
  decltype(&reslab_rcu_barrier) barrier;
  decltype(&reslab_rcu_get_stats) get_stats;
};

const char* path;
Library opened;
reslab_group* group;
uint64_t retired = 0;

template <class Function>
Function* function(void* handle, const char* name) {
  void* place = dlsym(handle, name);
  RCU_CHECK(place != nullptr);
  return reinterpret_cast<Function*>(place);
}

Library open_library() {
  void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) RCU_FAIL("%s", dlerror());
  return {handle, function<decltype(reslab_rcu_init)>(handle, "reslab_rcu_init"),
          function<decltype(reslab_free_rcu)>(handle, "reslab_free_rcu"),
          function<decltype(reslab_rcu_barrier)>(handle, "reslab_rcu_barrier"),
          function<decltype(reslab_rcu_get_stats)>(handle, "reslab_rcu_get_stats")};
}

reslab_rcu_stats stats_of(const Library& library) {
  reslab_rcu_stats out = {};
  RCU_CHECK(library.get_stats(&out, sizeof out) == 0);
  return out;
}

void retire(const Library& library) {
  for (int i = 0; i < kObjects; ++i) {
    void* object = reslab_group_malloc(group, static_cast<size_t>(16 + i % 500));
    RCU_CHECK(object != nullptr);
    library.free(object);
  }
  retired += kObjects;
}

void require_all_freed(const Library& library) {
  RCU_CHECK(library.barrier() == 0 && reslab_group_usage(group) == 0);
  RCU_CHECK(stats_of(library).freed == retired && stats_of(library).pending_objects == 0);
}

// One that has been joined is listed for a moment longer.
void require_threads(unsigned wanted) {
  struct stat directory = {};
  for (int i = 0; i < 10'000; ++i) {
    RCU_CHECK(stat("/proc/self/task", &directory) == 0);
    if (directory.st_nlink - 2 == wanted) return;
    sleep_ms(1);
  }
  RCU_FAIL("%u threads, expected %u", static_cast<unsigned>(directory.st_nlink - 2), wanted);
}

void goes_on_after_dlclose() {
  opened = open_library();
  RCU_CHECK(opened.init(nullptr) == 0);
  retire(opened);
  RCU_CHECK(dlclose(opened.handle) == 0);
  require_all_freed(opened);
  retire(opened);
  require_all_freed(opened);
  require_threads(1 + kOurThreads);
}

void opens_again_as_it_was() {
  for (int i = 0; i < 20; ++i) {
    const Library again = open_library();
    RCU_CHECK(again.free == opened.free && again.init(nullptr) == 0);
    RCU_CHECK(stats_of(again).freed + stats_of(again).pending_objects != 0);
    retire(again);
    RCU_CHECK(dlclose(again.handle) == 0);
  }
  require_all_freed(opened);
  require_threads(1 + kOurThreads);
}

// --- the end -----------------------------------------------------------------------------------------------------------

bool has_waited_at_exit = false;

void at_exit() {
  retire(opened);
  require_all_freed(opened);
  RCU_CHECK(stats_of(opened).reclaimer == 1);
  retire(opened);  // and nobody waits for these
  has_waited_at_exit = true;
}

// Behind all destructors: retiring does no harm, and waiting is refused. SYS_exit ends the only thread.
void at_exit_group(int) {
  RCU_CHECK(has_waited_at_exit);
  require_threads(1);
  RCU_CHECK(stats_of(opened).reclaimer == 0);
  retire(opened);
  RCU_CHECK(opened.init(nullptr) == EDEADLK && opened.barrier() == EDEADLK);
  RCU_CHECK(reslab_group_usage(group) != 0);
  syscall(SYS_exit, 0);
}

void stop_at_exit_group() {
  struct sigaction action = {};
  action.sa_handler = at_exit_group;
  RCU_CHECK(sigaction(SIGSYS, &action, nullptr) == 0);
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offsetof(seccomp_data, nr))),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof code / sizeof code[0], code};
  RCU_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  RCU_CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return fprintf(stderr, "usage: unload rseq|fallback LIBRARY\n"), 2;
  require_mode(arguments[1]);
  path = arguments[2];
  group = reslab_group_create("retired", SIZE_MAX);
  RCU_CHECK(group != nullptr && atexit(at_exit) == 0);
  goes_on_after_dlclose();
  opens_again_as_it_was();
  retire(opened);  // what is there when the process ends
  stop_at_exit_group();
  return kNotReached;
}
