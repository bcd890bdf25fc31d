// SPDX-License-Identifier: Apache-2.0
// A barrier that is asked for just as a batch begins which takes in full pages alone: `late_barrier MODE`, with an rcu_age of
// 100 s, so that nothing else takes in what lies in open ones. It is not answered before that is freed as well.

#include <atomic>

#include "flavor.h"
#include "support.h"
#include "support/hooks.h"

using namespace rcu_test;

namespace {

constexpr uint64_t kObjects = 700;  // more than a page holds

std::atomic<bool> stop_next{false};
std::atomic<bool> has_begun{false};

// On the reclaimer's thread: until somebody has asked for a barrier.
void stay_for_barrier(void*) {
  if (!stop_next.exchange(false)) return;
  const uint64_t before = stats().barriers;
  has_begun.store(true);
  while (stats().barriers == before) sleep_ms(1);  // the test's limit ends it
}

void ask_as_a_batch_begins() {
  RCU_CHECK(reslab_rcu_barrier() == 0);
  const uint64_t before = stats().freed;
  has_begun.store(false);
  stop_next.store(true);
  for (uint64_t i = 0; i < kObjects; ++i) reslab_free_rcu(reslab_malloc(64));
  while (!has_begun.load()) sleep_ms(1);
  RCU_CHECK(reslab_rcu_barrier() == 0);
  RCU_CHECK(stats().freed == before + kObjects);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return fprintf(stderr, "usage: late_barrier rseq|fallback\n"), 2;
  require_mode(arguments[1]);
  RCU_CHECK(reslab_rcu_init(nullptr) == 0);
  RCU_CHECK(reslab_rcu_barrier() == 0);
  const support::Hook hook("rcu_batch", stay_for_barrier);
  for (int round = 0; round < 20; ++round) ask_as_a_batch_begins();
  RCU_CHECK(audit() == 0);
  return 0;
}
