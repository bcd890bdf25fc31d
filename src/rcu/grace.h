// SPDX-License-Identifier: Apache-2.0
// Grace periods as a number that grows, and the thread that makes them: liburcu's synchronize_rcu can neither be polled
// nor left before its end, so nobody else calls it.
//
//   gp_       even: none runs; odd: one does. A period makes it grow by two.
//   cookie    the even value that gp_ has when a period has ended that began after the cookie was taken
//
//                       get, poll, start   the thread   handler on the same thread   child after fork
//   get, poll, start    yes                yes          yes                          forget() first
//
// The order that all of this is for:
//
//   C1  A cookie is taken behind a seq_cst fence; the thread stores an odd gp_, then a seq_cst fence, then calls
//       synchronize_rcu. Let an object's unlinking come before the taking of a cookie that reads gp_ = v.
//   C2  v even: the cookie is v + 2. Its period begins with storing v + 1, which the taker did not read; so the taker's
//       fence is before the thread's in their total order, and what the taker did before, the unlinking above all, is
//       visible to whatever follows the thread's fence. A reader that still finds the object entered its section before
//       that synchronize_rcu began and is waited for; gp_ = v + 2 is stored after its end.
//   C3  v odd: a period runs, and may have begun before the unlinking; it is not enough. The cookie is v + 3, the end of
//       the next one, which begins by storing v + 2: C2 with v + 1 in place of v.
//   C4  A poll that returns true has read gp_ >= cookie with acquire, so what it does then comes after those readers.
//   C5  Incomplete at a time are at most v + 2, or v + 1 and v + 3: RESLAB_GP_ACTIVE_MAX.
#pragma once

#include <atomic>
#include <cstdint>

#include "rcu/futex.h"

struct rcu_flavor_struct;

namespace reslab {

class Grace {
 public:
  // --- class any
  uint64_t get() const {
    std::atomic_thread_fence(std::memory_order_seq_cst);  // C1
    return (gp_.load(std::memory_order_relaxed) + 3) & ~uint64_t{1};
  }
  bool poll(uint64_t cookie) const { return gp_.load(std::memory_order_acquire) >= cookie; }
  // Asks for the period of this cookie; the caller rings.
  void want(uint64_t cookie) {
    uint64_t wanted = wanted_.load(std::memory_order_relaxed);
    // Bounded: a race is lost to somebody who wants as much, or to at most one who wants less (C5).
    for (int left = 4; left > 0 && wanted < cookie; --left) {
      if (wanted_.compare_exchange_strong(wanted, cookie, std::memory_order_seq_cst)) return;
    }
  }
  Doorbell& bell() { return bell_; }
  uint64_t ended() const { return gp_.load(std::memory_order_relaxed) / 2; }
  bool is_running() const { return (gp_.load(std::memory_order_relaxed) & 1) != 0; }
  // Since when, or 0.
  uint64_t running_since() const { return since_ns_.load(std::memory_order_relaxed); }

  // --- its thread. Calls when_ended() after each period; returns when it is told to stop.
  void run(const rcu_flavor_struct& flavor, void (*when_ended)());
  void stop() {
    stop_.store(true, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // before the caller looks whether it is running
    bell_.wake();
  }
  // In a child after fork: a period that was running never ends; its number is that of the next.
  void forget();
  // By the child's only thread, outside any section, where no period can end any more: all cookies there are have elapsed
  // (C5).
  void end_alone() { gp_.store(gp_.load(std::memory_order_relaxed) + 4, std::memory_order_seq_cst); }

 private:
  bool is_idle() const {
    return wanted_.load(std::memory_order_relaxed) <= gp_.load(std::memory_order_relaxed) &&
           !stop_.load(std::memory_order_relaxed);
  }

  std::atomic<uint64_t> gp_{0};
  std::atomic<uint64_t> wanted_{0};
  std::atomic<uint64_t> since_ns_{0};
  std::atomic<bool> stop_{false};
  Doorbell bell_;
};

}  // namespace reslab
