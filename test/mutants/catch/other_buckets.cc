// SPDX-License-Identifier: Apache-2.0
// An allocation that is served by a larger class, because its own is busy, keeps the alignment of its own: objects of
// 64 bytes lie at multiples of 64, and so does what stands in for one (architecture 4).
#include <vector>

#include "catcher.h"

using namespace catcher;

int main(int argc, char** argv) {
  start(argc, argv, "local_lock=never");  // every class is busy
  std::vector<void*> cached;
  for (const size_t bytes : {80, 96, 112, 128}) {
    for (int i = 0; i < 16; ++i) cached.push_back(reslab_malloc(bytes));
  }
  for (void* object : cached) reslab_free(object);
  for (int i = 0; i < 400; ++i) {
    void* object = reslab_aligned_alloc_nolock(64, 64, 0);
    if (object == nullptr) break;
    const auto address = reinterpret_cast<uintptr_t>(opaque(object));
    expect(address % 64 == 0, "%p stands in for an object at a multiple of 64", object);
    expect(reslab_usable_size(object) >= 64, "%p has less than 64 bytes", object);
  }
  expect(stats().nolock_retries > 0, "no other bucket was tried");
}
