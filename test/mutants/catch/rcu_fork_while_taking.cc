// SPDX-License-Identifier: Apache-2.0
// A fork while the reclaimer has taken in half of a page: in the child both halves are freed, each object once.
#include <unistd.h>

#include "rcu_pages.h"

using namespace catcher;
using namespace reslab;

namespace {

std::map<uint32_t, uint64_t> live_before;

void be_child() {
  expect(reslab_rcu_init(nullptr) == 0 && reslab_rcu_barrier() == 0, "the child cannot reclaim");
  reslab_rcu_stats now = {};
  reslab_rcu_get_stats(&now, sizeof now);
  expect(now.pending_objects == 0, "objects are pending behind a barrier");
  reslab_trim(0);
  const auto live = live_objects();
  for (const auto& [class_id, count] : live_before) {
    constexpr uint64_t kOfThreads = 16;  // that the child has made
    expect(live.at(class_id) <= count + kOfThreads, "class %u has %zu objects handed out, and had %zu", class_id,
           static_cast<size_t>(live.at(class_id)), static_cast<size_t>(count));
  }
  expect_sound_heap();
  _exit(0);
}

void take_half(void* const* objects, uint32_t count) {
  rcu.core().take_in(objects, count / 2);
  const pid_t child = fork();
  if (child == 0) be_child();
  wait_for_child(child);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect(rcu.has_pages(), "pages are what this is about");
  live_before = live_objects();
  for (uint32_t i = 0; i < PagePool::kPointers; ++i) reslab_free_rcu(reslab_malloc(32));
  drain_pages();
  expect(rcu.pages.full() == 1, "there is no full page");
  rcu.pages.take_full(take_half);
  return 0;
}
