// SPDX-License-Identifier: Apache-2.0
// The child of a program whose threads are readers, none inside a section: `fork_readers MODE FLAVOUR`. liburcu keeps a list
// of readers that leads through their stacks, and fork() gives the stacks of threads that are not in the child to whoever
// makes a thread there.

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "flavor.h"
#include "support.h"
#include "support/child.h"

using namespace rcu_test;

namespace {

const rcu_flavor_struct* flavor;
sem_t is_registered;

void* be_reader(void*) {
  Reader reader(*flavor);
  reader.enter();
  reader.leave();
  if (flavor == &urcu_qsbr_flavor) flavor->thread_offline();
  sem_post(&is_registered);
  for (;;) pause();  // ends with the process
}

// Frees by a grace period, in threads of its own.
void reclaim() {
  constexpr int kRounds = 20;
  for (int i = 0; i < kRounds; ++i) {
    reslab_free_rcu(reslab_malloc(64));
    RCU_CHECK(reslab_rcu_barrier() == 0);
  }
  RCU_CHECK(stats().liburcu_locked == 0);
}

void reclaim_in_child(void (*then)()) {
  const pid_t child = fork();
  RCU_CHECK(child >= 0);
  if (child == 0) {
    reclaim();
    if (then != nullptr) then();
    _exit(0);
  }
  support::expect_good_end_of(child);
}

void reclaim_in_grandchild() { reclaim_in_child(nullptr); }

}  // namespace

int main(int count, char** arguments) {
  if (count != 3 || (flavor = flavor_named(arguments[2])) == nullptr)
    return fprintf(stderr, "usage: fork_readers rseq|fallback memb|mb|qsbr|bp\n"), 2;
  require_mode(arguments[1]);
  RCU_CHECK(reslab_rcu_init(flavor) == 0 && reslab_rcu_barrier() == 0);
  RCU_CHECK(sem_init(&is_registered, 0, 0) == 0);
  for (int i = 0; i < 3; ++i) {
    pthread_t thread;
    RCU_CHECK(pthread_create(&thread, nullptr, be_reader, nullptr) == 0);
    sem_wait(&is_registered);
  }
  sleep_ms(200);  // no grace period runs
  reclaim_in_child(reclaim_in_grandchild);
  reclaim();
  RCU_CHECK(audit() == 0);
  return 0;
}
