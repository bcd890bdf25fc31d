// SPDX-License-Identifier: Apache-2.0
// While a forked child is being repaired another of its threads allocates aside, and forks in a handler in the middle of
// that: the grandchild's repair leaves alone what the interrupted call has in hand.
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include <cstring>

#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

constexpr size_t kRun = 300000;

sem_t may_begin, is_done;
pthread_t other;
pid_t grandchild = -1;

// In the grandchild this thread is alone, and its plain calls repair.
void* inner;
void fork_here(void*) {
  if (grandchild != -1 || pthread_equal(pthread_self(), other) == 0) return;
  grandchild = fork();
  if (grandchild == 0) {
    inner = opaque(reslab_malloc(kRun));
    memset(inner, 1, kRun);
  }
}

void* allocate_aside(void*) {
  other = pthread_self();
  sem_wait(&may_begin);
  void* outer = opaque(reslab_malloc(kRun));
  if (grandchild == 0) {
    memset(outer, 2, kRun);
    for (size_t i = 0; i < kRun; ++i) {
      expect(static_cast<char*>(inner)[i] == 1, "the run of the handler is the interrupted call's as well");
    }
    reslab_free(inner);
    reslab_free(outer);
    expect_sound_heap();
    _exit(0);
  }
  reslab_free(outer);
  sem_post(&is_done);
  return nullptr;
}

void let_other_allocate(void*) {
  if (grandchild == 0) return;
  sem_post(&may_begin);
  sem_wait(&is_done);
}

[[noreturn]] void be_the_child() {
  sem_init(&may_begin, 0, 0);
  sem_init(&is_done, 0, 0);
  pthread_t thread;
  expect(pthread_create(&thread, nullptr, allocate_aside, nullptr) == 0, "no thread to be had");
  {
    const support::Hook claimed("run_claimed", fork_here);
    const support::Hook repair("fork_repair", let_other_allocate);
    reslab_free(opaque(reslab_malloc(kRun)));
  }
  expect(grandchild > 0, "nothing was forked");
  wait_for_child(grandchild);
  expect_sound_heap();
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  reslab_free(opaque(reslab_malloc(64)));
  const pid_t child = fork();
  if (child == 0) be_the_child();
  wait_for_child(child);
}
