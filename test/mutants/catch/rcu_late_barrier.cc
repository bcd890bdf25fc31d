// SPDX-License-Identifier: Apache-2.0
// A barrier asked for just as a batch of full pages begins is not answered before what lies in open pages is freed as well.
#include <reslab/rcu.h>
#include <unistd.h>

#include <atomic>

#include "catcher.h"
#include "hooks.h"
#include "rcu/rcu.h"

using namespace catcher;
using namespace reslab;

namespace {

constexpr uint64_t kObjects = 700;  // more than a page holds

std::atomic<bool> has_begun{false};

void stay_for_barrier(void*) {
  static std::atomic<bool> has_stayed{false};
  if (has_stayed.exchange(true)) return;
  const uint32_t before = rcu.reclaimer.barriers();
  has_begun.store(true);
  while (rcu.reclaimer.barriers() == before) usleep(1000);  // or the time limit of this program
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv, "rcu_age=100000");
  expect(reslab_rcu_init(nullptr) == 0 && reslab_rcu_barrier() == 0, "it cannot reclaim");
  const uint64_t before = rcu.reclaimer.freed();
  const support::Hook hook("rcu_batch", stay_for_barrier);
  for (uint64_t i = 0; i < kObjects; ++i) reslab_free_rcu(reslab_malloc(64));
  while (!has_begun.load()) usleep(1000);
  expect(reslab_rcu_barrier() == 0, "no barrier");
  expect(rcu.reclaimer.freed() == before + kObjects, "a barrier was answered before all was freed");
  return 0;
}
