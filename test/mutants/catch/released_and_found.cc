// SPDX-License-Identifier: Apache-2.0
// A trim has taken the active slab out of its slot and stands still before it says so in the slab's state. Another thread
// finds the slab as lost and lists it; and it becomes the active slab of the same slot again. Then the trim goes on.
#include <pthread.h>

#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

constexpr size_t kBytes = 1024, kObjects = 8, kMost = 400;

bool done;

void* trim(void*) {
  reslab_trim(0);
  return nullptr;
}

void find_and_install(void*) {
  if (done) return;
  done = true;
  pthread_t thread;
  const bool joined = pthread_create(&thread, nullptr, trim, nullptr) == 0 && pthread_join(thread, nullptr) == 0;
  expect(joined, "no thread to be had");
  for (size_t i = 0; i < kMost && class_stats(kBytes).slabs_active == 0; ++i) opaque(reslab_malloc(kBytes));
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  reslab_trim(0);  // there is no other active slab
  for (size_t i = 0; i < kObjects; ++i) opaque(reslab_malloc(kBytes));
  {
    const support::Hook deactivating("slab_deactivate", find_and_install);
    reslab_trim(0);
  }
  expect(done, "no trim deactivates a slab");
  expect_sound_heap();
}
