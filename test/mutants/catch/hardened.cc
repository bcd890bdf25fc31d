// SPDX-License-Identifier: Apache-2.0
// With the hardening options: no object is live twice or lost, though refills begin anywhere and are shuffled, and a freed
// object reads as zero whichever call frees it. Every second object stays, so that no page goes.
#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include "catcher.h"

using namespace catcher;

namespace {

bool is_zero(const void* object, size_t bytes) {
  const auto* start = static_cast<const unsigned char*>(object);
  return std::all_of(start, start + bytes, [](unsigned char byte) { return byte == 0; });
}

void free_and_look(void (*free_call)(void*), size_t bytes, size_t count) {
  std::vector<void*> objects(count);
  for (void*& object : objects) memset(object = opaque(reslab_malloc(bytes)), 0x77, bytes);
  expect(std::set<void*>(objects.begin(), objects.end()).size() == count, "an object of %zu bytes is live twice",
         bytes);
  for (size_t i = 0; i < count; i += 2) free_call(objects[i]);
  reslab_flush_deferred();
  for (size_t i = 0; i < count; i += 2) expect(is_zero(objects[i], bytes), "freed object %zu is not zero", i);
  for (size_t i = 1; i < count; i += 2) reslab_free(objects[i]);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv, "harden=1");
  const auto before = live_objects();
  for (const size_t bytes : {16, 64, 512, 4096}) {
    for (int round = 0; round < 3; ++round) {
      free_and_look(reslab_free, bytes, 3000);
      free_and_look(reslab_free_nolock, bytes, 3000);
    }
  }
  expect_same_live(before);
  expect_sound_heap();
}
