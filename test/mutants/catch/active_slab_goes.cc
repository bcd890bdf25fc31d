// SPDX-License-Identifier: Apache-2.0
// A refill has read which slab is active; before it looks at the slab, another thread frees all objects of it and trims,
// so that it is retired: its descriptor names no class then. The refill must go elsewhere.
#include <pthread.h>
#include <semaphore.h>

#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

constexpr size_t kBytes = 512, kMost = 2000;
void* held[kMost];
size_t count;
bool was_seen, is_ready;
sem_t wanted, done;

void* free_and_trim(void*) {
  while (sem_wait(&wanted) != 0) {}
  while (count > 0) reslab_free(held[--count]);
  reslab_trim(0);
  sem_post(&done);
  return nullptr;
}

void at_active_seen(void*) {
  if (was_seen || !is_ready) return;
  was_seen = true;
  sem_post(&wanted);
  while (sem_wait(&done) != 0) {}
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  sem_init(&wanted, 0, 0);
  sem_init(&done, 0, 0);
  pthread_t helper;
  expect(pthread_create(&helper, nullptr, free_and_trim, nullptr) == 0, "no thread");
  const support::Hook hook("active_seen", at_active_seen);
  for (size_t i = 0; i < kMost && !was_seen; ++i) {
    held[count++] = reslab_malloc(kBytes);
    is_ready = count > 4;
  }
  expect(was_seen, "no refill has come from an active slab");
  pthread_join(helper, nullptr);
  while (count > 0) reslab_free(held[--count]);
  reslab_trim(0);
  expect_sound_heap();
  return 0;
}
