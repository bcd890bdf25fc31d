// SPDX-License-Identifier: Apache-2.0
// A jump out of a slow path, then a fork: the child's repair has to wait until it is known that nothing is interrupted. Its
// reclaimer frees meanwhile, and is a thread like any other: from then on nobody repairs what it has in hand.
#include <reslab/rcu.h>
#include <semaphore.h>
#include <setjmp.h>
#include <unistd.h>

#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

constexpr int kObjects = 3000;
void* objects[kObjects];
jmp_buf out;
sem_t is_there, may_go;

void jump(void*) { longjmp(out, 1); }

// Deeper than all that comes afterwards: only so is it known that the call was left.
[[gnu::noinline]] void leave_a_refill() {
  char deep[64 << 10];
  opaque(deep);
  for (;;) opaque(reslab_malloc(200));  // until the magazine is empty
}

void stay(void*) {
  static bool came;
  if (came) return;
  came = true;
  sem_post(&is_there);
  sem_wait(&may_go);
}

[[noreturn]] void be_the_child() {
  {
    // The second time: the reclaimer has objects of the first word in its hand.
    const support::Hook hook("retired_give_back", [](void*) {
      static int times;
      if (++times == 2) stay(nullptr);
    });
    sem_init(&is_there, 0, 0);
    sem_init(&may_go, 0, 0);
    for (void* object : objects) reslab_free_rcu(object);
    expect(reslab_rcu_init(nullptr) == 0, "the child cannot reclaim");
    reslab_gp_expedite();
    sem_wait(&is_there);
    reslab_trim(0);
    reslab_free(opaque(reslab_malloc(64)));
    reslab_trim(0);
    sem_post(&may_go);
    expect(reslab_rcu_barrier() == 0, "no barrier to be had");
  }
  static void* again[kObjects];
  for (void*& one : again) {
    one = opaque(reslab_malloc(64));
    *static_cast<void**>(one) = &one;
  }
  for (void*& one : again) expect(*static_cast<void**>(one) == &one, "an object was handed out twice");
  expect_sound_heap();
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  for (void*& object : objects) object = opaque(reslab_malloc(64));
  {
    const support::Hook hook("refill", jump);
    if (setjmp(out) == 0) leave_a_refill();
  }
  const pid_t child = fork();
  if (child == 0) be_the_child();
  wait_for_child(child);
}
