// SPDX-License-Identifier: Apache-2.0
// A program that shuts itself in once it has started: from then on membarrier is refused, without which the pages that are
// being filled cannot be taken. `refused_fence MODE`: a barrier says so and comes back, nothing is freed early or lost, and
// what fills a page is freed as ever. Without restartable sections there is no need of the fence.
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>

#include "flavor.h"
#include "support.h"

using namespace rcu_test;

namespace {

constexpr uint64_t kFew = 5, kMany = 2000;  // objects: in one page, and in more than one

// Of this thread, and of those that it makes.
void refuse_fences() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof code / sizeof code[0], code};
  RCU_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  RCU_CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

void retire(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) reslab_free_rcu(reslab_malloc(64));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return fprintf(stderr, "usage: refused_fence rseq|fallback\n"), 2;
  require_mode(arguments[1]);
  const bool needs_fence = strcmp(arguments[1], "rseq") == 0;
  refuse_fences();
  RCU_CHECK(reslab_rcu_init(&urcu_mb_flavor) == 0);  // memb has a membarrier of its own
  retire(kFew);
  // Whatever the reclaimer has looked at before this thread wakes.
  for (int round = 0; round < 200; ++round) RCU_CHECK(reslab_rcu_barrier() == (needs_fence ? EDEADLK : 0));
  RCU_CHECK(stats().freed == (needs_fence ? 0 : kFew));
  retire(kMany);
  while (stats().freed < kMany / 2) sleep_ms(1);  // the test's limit ends it
  RCU_CHECK(audit() == 0);
  return 0;
}
