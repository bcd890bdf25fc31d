// SPDX-License-Identifier: Apache-2.0
// A fork while the reclaimer has taken a page off its slot, and not marked it full yet: in the child its objects are freed,
// and each once.
#include <unistd.h>

#include "hooks.h"
#include "rcu_pages.h"

using namespace catcher;
using namespace reslab;

namespace {

constexpr uint64_t kObjects = 100;
uint64_t freed_before;

void be_child() {
  expect(reslab_rcu_init(nullptr) == 0, "the child cannot reclaim");
  for (reslab_rcu_stats now = {};;) {  // on top of a call of reslab it may not wait, but all is freed in time
    reslab_rcu_get_stats(&now, sizeof now);
    if (now.pending_objects == 0 && now.freed == freed_before + kObjects) break;
    reslab_gp_expedite();
    usleep(1000);  // ends: the program is killed
  }
  expect_sound_heap();
  _exit(0);
}

void fork_here(void*) {
  const pid_t child = fork();
  if (child == 0) be_child();
  wait_for_child(child);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect(rcu.has_pages(), "pages are what this is about");
  reslab_rcu_stats now = {};
  reslab_rcu_get_stats(&now, sizeof now);
  freed_before = now.freed;
  for (uint64_t i = 0; i < kObjects; ++i) reslab_free_rcu(reslab_malloc(32));
  const support::Hook hook("rcu_closed", fork_here);
  drain_pages();
  return 0;
}
