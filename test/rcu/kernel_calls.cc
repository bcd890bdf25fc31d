// SPDX-License-Identifier: Apache-2.0
// The system calls of class any+wake: at most a futex wake, and in a nolock scope none. `kernel_calls MODE wake|none`: a
// thread makes every such call many times, idle and busy, under a seccomp filter that kills the process for anything else.

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "support.h"

using namespace rcu_test;

namespace {

constexpr int kObjects = 20'000;
void* objects[kObjects];
bool may_wake;

void forbid_the_kernel() {
  constexpr auto kNumber = static_cast<unsigned>(offsetof(seccomp_data, nr));
  constexpr auto kSecond = static_cast<unsigned>(offsetof(seccomp_data, args[1]));
  const unsigned futex = may_wake ? SYS_futex : 0xffffffffu;
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 5, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, futex, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kSecond),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAKE_PRIVATE, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof code / sizeof code[0], code};
  RCU_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  RCU_CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

// Long enough for the reclaimer to fall asleep, so that there is somebody to wake.
void pass_time() {
  for (int i = 0; i < 2'000'000; ++i) asm volatile("pause");
}

void* call_all(void*) {
  const unsigned saved = may_wake ? 0 : reslab_nolock_save();
  forbid_the_kernel();
  for (int i = 0; i < kObjects; ++i) {
    reslab_free_rcu(objects[i]);
    if (i % 2500 == 0) pass_time();
    if (i % 100 != 0) continue;
    const bool elapsed = reslab_gp_poll(reslab_gp_start());
    if (elapsed) asm volatile("");
    if (i % 1000 == 0) reslab_gp_expedite();
    if (i % 3000 == 0) reslab_rcu_set_limit(i % 2000 == 0 ? 1 : 64 << 20);
  }
  if (!may_wake) reslab_nolock_restore(saved);
  _exit(0);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return fprintf(stderr, "usage: kernel_calls rseq|fallback wake|none\n"), 2;
  require_mode(arguments[1]);
  may_wake = strcmp(arguments[2], "wake") == 0;
  RCU_CHECK(reslab_rcu_init(nullptr) == 0);
  for (int i = 0; i < kObjects; ++i)
    RCU_CHECK((objects[i] = reslab_malloc(static_cast<size_t>(16 + i % 900))) != nullptr);
  pthread_t thread;
  RCU_CHECK(pthread_create(&thread, nullptr, call_all, nullptr) == 0);
  pthread_join(thread, nullptr);
  return 1;
}
