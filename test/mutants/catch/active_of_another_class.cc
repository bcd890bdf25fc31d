// SPDX-License-Identifier: Apache-2.0
// A refill has read which slab is active, and before it looks at it the slab is given back and comes back as one of another
// class, active there. It has nothing for the refill, which must look elsewhere, and leave the other class as it is.
#include <pthread.h>

#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

constexpr size_t kBytes = 1024, kObjects = 40;
constexpr size_t kOthers[] = {208, 224, 240, 256, 320, 384, 448, 512, 640, 768, 896};

void* objects[kObjects];
size_t held;
size_t other_bytes;
bool done;

void* trim(void*) {
  reslab_trim(0);
  return nullptr;
}

uintptr_t unit_of(const void* object) { return reinterpret_cast<uintptr_t>(object) >> 16; }

// In the middle of the refill: a handler frees all, another thread trims, and the handler allocates others.
void replace_slab(void*) {
  if (done) return;
  done = true;
  const uintptr_t unit = unit_of(objects[0]);
  for (; held > 0; --held) reslab_free(objects[held - 1]);
  pthread_t thread;
  const bool joined = pthread_create(&thread, nullptr, trim, nullptr) == 0 && pthread_join(thread, nullptr) == 0;
  expect(joined, "no thread to be had");
  for (const size_t bytes : kOthers) {
    if (unit_of(opaque(reslab_malloc(bytes))) == unit) other_bytes = bytes;
    if (other_bytes != 0) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  {
    const support::Hook seen("active_seen", replace_slab);
    while (!done && held < kObjects) {
      void* object = opaque(reslab_malloc(kBytes));
      if (!done) objects[held++] = object;
    }
  }
  expect(done, "no refill looks at the active slab");
  expect(other_bytes != 0, "the slab does not come back");
  expect(class_stats(other_bytes).slabs_active == 1, "the slab of %zu bytes is not active any more", other_bytes);
  expect_sound_heap();
}
