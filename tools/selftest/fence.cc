// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <thread>

#include "selftest/cpus.h"
#include "selftest/trial.h"

namespace reslab::selftest {
namespace {

constexpr int64_t kEnoughByFences = 1000;
constexpr uint64_t kEnoughFences = 100;
constexpr int kSectionsAtATime = 200;

// What one thread does and the other one hears of; relaxed, and exact when they were joined.
struct Fences {
  std::atomic<bool> done{false};
  std::atomic<uint64_t> made{0}, failed{0};
  uint64_t met = 0;  // made while the victim was on its CPU: no other one can abort anything
  int64_t by_fences = 0;
};

// No signals here: what preemptions, and migrations with them, did not abort, fences did. Counted over short times,
// most of which see no preemption even on a busy machine.
void be_fenced_for_a_while(Stress& stress, Fences& fences) {
  const uint64_t made_before = fences.made.load(std::memory_order_relaxed);
  const int64_t aborts_before = static_cast<int64_t>(stress.aborts()), preemptions_before = preemptions();
  for (int i = 0; i < kSectionsAtATime; ++i) stress.take_and_put_back(Stress::kBatch);
  const uint64_t made = fences.made.load(std::memory_order_relaxed) - made_before;
  const int64_t preempted = preemptions() - preemptions_before;
  const int64_t surely = static_cast<int64_t>(stress.aborts()) - aborts_before - preempted;
  fences.by_fences += std::max<int64_t>(0, surely);
  if (preempted == 0) fences.met += made;
}

void be_fenced(Trial& trial, Fences& fences) {
  while (!trial.is_over(static_cast<uint64_t>(fences.by_fences), kEnoughByFences) && !trial.is_hopeless(fences.met)) {
    be_fenced_for_a_while(trial.stress(), fences);
  }
  fences.done.store(true, std::memory_order_relaxed);
}

void fence_until_done(Fences& fences) {
  while (!fences.done.load(std::memory_order_relaxed)) {
    (rseq_fence() ? fences.made : fences.failed).fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

Outcome check_fence(const CpuSetup& setup, Duration duration) {
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.size() < 2) return skipped("one CPU only: there is no other one to fence");
  if (!register_rseq_fence()) return skipped("membarrier is refused; reslab then leaves other CPUs' caches alone");
  Trial trial(setup, duration);
  if (!trial.is_ready()) return without_memory();

  // On a CPU each: on a busy machine they would be left on one for long, where only preemption aborts anything.
  Fences fences;
  const Pinned fencer(cpus.back());
  std::thread victim([&] {
    const Pinned pinned(cpus.front());
    be_fenced(trial, fences);
  });
  fence_until_done(fences);
  victim.join();

  Outcome outcome = trial.finish("fences", fences.met, kEnoughFences);
  outcome.demand("aborts_by_fences", static_cast<uint64_t>(fences.by_fences), kEnoughByFences);
  outcome.forbid("fences_refused", fences.failed.load(std::memory_order_relaxed));
  return outcome;
}

}  // namespace reslab::selftest
