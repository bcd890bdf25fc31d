// SPDX-License-Identifier: Apache-2.0
// One thread of the storm: what it does while no handler runs. Its rounds lead through every part of the allocator:
// pairs that stay in a magazine, batches that overflow it into the depot, bursts that need new slabs and give them back,
// and exchanges with the other threads.
#pragma once

#include "operations.h"

namespace storm {

// All threads from now on, wherever they wander: so there are more of them than CPUs.
void restrict_to_two_cpus();

class Worker {
 public:
  void start(size_t worker_index, uint64_t seed);

  // Every second worker takes its signals on a stack of their own.
  void use_alternate_stack_if_odd();

  void one_round(Slots& slots, Tally& tally);

  size_t index = 0;
  support::Random handler_random{0};  // handlers draw from their own: the order of the main code's draws stays as it is
  std::atomic<size_t> depth{0};

 private:
  static constexpr size_t kDeepest = 8192;

  void exchange_some(Slots& slots);
  void small_batches();
  void burst(Slots& slots);
  void wander();
  void shuffle(size_t count);

  support::Random random_{0};
  uint64_t burst_[kDeepest];
};

}  // namespace storm
