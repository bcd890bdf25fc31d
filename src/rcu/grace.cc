// SPDX-License-Identifier: Apache-2.0
#include "rcu/grace.h"

#include <urcu/flavor.h>

namespace reslab {

void Grace::run(const rcu_flavor_struct& flavor, void (*when_ended)()) {
  while (!stop_.load(std::memory_order_acquire)) {
    bell_.sleep(Doorbell::Call::kAny, Doorbell::kLongest, [this] { return is_idle(); });
    if (is_idle() || stop_.load(std::memory_order_acquire)) continue;
    const uint64_t gp = gp_.load(std::memory_order_relaxed);  // only this thread writes it
    since_ns_.store(now_ns(), std::memory_order_relaxed);
    gp_.store(gp + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // C2
    if (stop_.load(std::memory_order_relaxed)) {          // who stops this looks at gp_ then: one sees the other
      gp_.store(gp, std::memory_order_relaxed);
      return;
    }
    flavor.update_synchronize_rcu();
    since_ns_.store(0, std::memory_order_relaxed);
    gp_.store(gp + 2, std::memory_order_seq_cst);  // release: C4
    when_ended();
  }
}

void Grace::forget() {
  gp_.store(gp_.load(std::memory_order_relaxed) & ~uint64_t{1}, std::memory_order_relaxed);
  since_ns_.store(0, std::memory_order_relaxed);
  stop_.store(false, std::memory_order_relaxed);
  bell_.forget();
}

}  // namespace reslab
