// SPDX-License-Identifier: Apache-2.0
// The heap's own limits: above the soft one nothing free is kept; the hard one holds for blocks that grow as well, what is
// free makes room for what is asked for, and so does what another thread has in hand only to give it back.
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

constexpr size_t kMiB = size_t{1} << 20;

void set(const char* option, uint64_t bytes) {
  expect(reslab_option_set(option, std::to_string(bytes).c_str()) == 0, "no limit can be set");
}

void growth_is_limited() {
  const uint64_t limit = stats().bytes_held + 8 * kMiB;
  void* block = reslab_malloc(4 * kMiB);
  reslab_free(reslab_malloc(32 * kMiB));  // behind it there is room to grow
  set("hard_limit", limit);
  void* grown = reslab_realloc(block, 16 * kMiB);
  expect(stats().bytes_held <= limit, "a block has grown past the hard limit");
  reslab_free(grown != nullptr ? grown : block);
  set("hard_limit", 0);
}

void free_memory_makes_room() {
  set("dirty_min", 16 * kMiB);
  void* kept = reslab_malloc(12 * kMiB);
  const uint64_t limit = stats().bytes_held + kMiB;
  set("hard_limit", limit);
  reslab_free(kept);
  void* larger = reslab_malloc(12 * kMiB + kMiB / 2);  // does not fit in its place
  expect(larger != nullptr, "what is free and dirty makes no room");
  expect(stats().bytes_held <= limit, "what is free and dirty stays above the limit");
  reslab_free(larger);
  std::vector<void*> objects;
  for (void* object; (object = reslab_malloc(3000)) != nullptr;) objects.push_back(object);
  expect(objects.size() * 3000 > 11 * kMiB, "what is free makes no room for small objects");
  for (void* object : objects) reslab_free(object);
  set("hard_limit", 0);
}

void* meanwhile;

void units_in_hand_count_as_free() {
  set("dirty_min", 16 * kMiB);
  void* kept = reslab_malloc(8 * kMiB);
  memset(kept, 'x', 8 * kMiB);
  reslab_trim(0);  // nothing is free but what comes next
  set("hard_limit", stats().bytes_held);
  reslab_free(kept);
  {
    const support::Hook purging("purge", [](void*) {
      static bool is_first = true;
      if (std::exchange(is_first, false)) meanwhile = reslab_malloc(8 * kMiB);
    });
    reslab_trim(0);
  }
  expect(meanwhile != nullptr, "a call is refused for what another gives back");
  reslab_free(meanwhile);
  set("hard_limit", 0);
}

void nothing_free_is_kept() {
  set("soft_limit", kMiB);
  void* kept = reslab_malloc(12 * kMiB);
  reslab_free(reslab_malloc(8 * kMiB));
  expect(stats().bytes_held < stats().bytes_live + 2 * kMiB, "free memory is kept above the soft limit");
  reslab_free(kept);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  growth_is_limited();
  free_memory_makes_room();
  units_in_hand_count_as_free();
  nothing_free_is_kept();
  expect_sound_heap();
  return 0;
}
