// SPDX-License-Identifier: Apache-2.0
// Under a debugger's single step every restartable section is aborted at once: allocations and frees then go by single
// bits, and what they give and take must be as sound as ever (40).
#include "single_step.h"

#include <algorithm>
#include <vector>

#include "catcher.h"

using namespace catcher;

namespace {

constexpr size_t kObjects = 100;
void* objects[kObjects];

void allocate_all(void*) {
  for (void*& object : objects) object = reslab_malloc(64);
}
void free_all(void*) {
  for (void* object : objects) reslab_free(object);
}
void look(uint64_t, void*) {}

bool is_in_arena(const reslab_status& status, const void* object) {
  return reinterpret_cast<uintptr_t>(object) - status.arena_base < status.arena_window_bytes;
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  // Something in the magazine, so that an aborted section has something to give out by mistake.
  std::vector<void*> warm;
  for (int i = 0; i < 20; ++i) warm.push_back(reslab_malloc(64));
  for (void* object : warm) reslab_free(object);
  const auto before = live_objects();
  const reslab_stats stats_before = stats();

  expect(support::single_step(allocate_all, look, nullptr) > kObjects, "no steps were taken");
  reslab_status status = {};
  reslab_get_status(&status, sizeof status);
  for (void* object : objects) expect(is_in_arena(status, object), "an allocation gave %p", object);
  std::sort(objects, objects + kObjects);
  expect(std::adjacent_find(objects, objects + kObjects) == objects + kObjects, "an object was given out twice");
  support::single_step(free_all, look, nullptr);

  const bool exhausted = stats().rseq_restarts_exhausted > stats_before.rseq_restarts_exhausted;
  expect(exhausted == with_rseq(),
         "stepping has not exhausted the restarts of the sections, or has where there are none");
  expect_same_live(before);
}
