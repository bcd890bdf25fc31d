// SPDX-License-Identifier: Apache-2.0
// A thread that rings for a grace period stops between the two steps of that, and keeps all later ones from ringing. The
// period must come all the same. The stop is a seccomp filter of that thread, which lets no futex call of it through.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <reslab/rcu.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "catcher.h"
#include "rcu/rcu.h"

using namespace catcher;
using namespace reslab;

namespace {

void keep_from_waking() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  const bool filtered =
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
  expect(filtered, "no seccomp filter can be set here");
}

void* ring_in_vain(void*) {
  keep_from_waking();
  while (!rcu.grace.bell().has_sleeper()) usleep(1000);
  usleep(20'000);  // now it is asleep
  reslab_gp_start();
  for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect(reslab_rcu_init(nullptr) == 0 && reslab_rcu_barrier() == 0, "it cannot reclaim");
  pthread_t ringer;
  expect(pthread_create(&ringer, nullptr, ring_in_vain, nullptr) == 0, "no thread");
  while (!rcu.grace.bell().has_sleeper()) usleep(1000);
  while (rcu.grace.bell().has_sleeper()) usleep(1000);
  const reslab_gp_cookie cookie = reslab_gp_start();
  while (!reslab_gp_poll(cookie)) usleep(1000);  // or the time limit of this program
  return 0;
}
