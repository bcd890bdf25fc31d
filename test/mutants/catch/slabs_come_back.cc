// SPDX-License-Identifier: Apache-2.0
// Slabs that have free objects are found again: partial ones serve later allocations instead of new slabs, empty ones
// are given back, and every list says what the slabs say (7).
#include <vector>

#include "catcher.h"

using namespace catcher;

namespace {

constexpr size_t kBytes = 1024;
constexpr size_t kObjects = 2000;

size_t capacity() { return class_stats(kBytes).capacity; }

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  std::vector<void*> objects;
  for (size_t i = 0; i < kObjects; ++i) objects.push_back(reslab_malloc(kBytes));
  expect_sound_heap();
  const size_t full = capacity();

  for (size_t i = 0; i < kObjects; i += 2) reslab_free(objects[i]);
  reslab_trim(0);
  expect_sound_heap();
  for (size_t i = 0; i < kObjects; i += 2) objects[i] = reslab_malloc(kBytes);
  expect_sound_heap();
  expect(capacity() <= full, "there is room for %zu objects where %zu served before", capacity(), full);

  for (void* object : objects) reslab_free(object);
  reslab_trim(0);
  expect_sound_heap();
  expect(capacity() == 0, "room for %zu objects is kept after everything was freed and trimmed", capacity());
}
