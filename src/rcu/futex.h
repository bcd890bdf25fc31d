// SPDX-License-Identifier: Apache-2.0
// Sleeping and waking past libc, so that errno stays as it is; and the clock, which is libc's.
#pragma once

#include <linux/futex.h>
#include <time.h>

#include <atomic>
#include <cstdint>

#include "platform/syscall.h"

namespace reslab {

inline constexpr uint64_t kMs = 1'000'000;  // in nanoseconds, the unit of all times here

// Returns when woken, when the word is no longer `seen`, after `ns`, or for no reason.
inline void futex_wait(std::atomic<uint32_t>& word, uint32_t seen, uint64_t ns) {
  const timespec limit = {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  sys_call(SYS_futex, reinterpret_cast<long>(&word), FUTEX_WAIT_PRIVATE, seen, reinterpret_cast<long>(&limit));
}

inline void futex_wake(std::atomic<uint32_t>& word, int how_many) {
  sys_call(SYS_futex, reinterpret_cast<long>(&word), FUTEX_WAKE_PRIVATE, how_many);
}

inline uint64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// What a thread of ours sleeps on.
//
//                  ring, wake   sleep   handler on the same thread   child after fork
//   ring, wake     yes          yes     yes                          nobody sleeps there: no effect but a system call
//   sleep          yes          -       - (our threads block signals)
//
// A thread that rings stops being heard of when it never comes back between its exchange and its system call, and keeps
// others from ringing meanwhile. So no sleep lasts longer than kLongest, and who may wait for the sleeper wakes it in any
// case.
class Doorbell {
 public:
  enum class Call : uint32_t { kAny = 1, kUrgent = 2 };  // what wakes the sleeper
  static constexpr uint64_t kLongest = 1000 * kMs;

  // Behind a seq_cst operation that publishes what there is to do. At most one system call.
  void ring(Call call) {
    const uint32_t state = sleeper_.load(std::memory_order_seq_cst);
    if (state == 0 || (state == static_cast<uint32_t>(Call::kUrgent) && call != Call::kUrgent)) return;
    if (sleeper_.exchange(0, std::memory_order_seq_cst) != 0) futex_wake(sleeper_, 1);
  }
  // The same for callers that may enter the kernel each time.
  void wake() {
    sleeper_.store(0, std::memory_order_seq_cst);
    futex_wake(sleeper_, 1);
  }
  // seq_cst: behind what publishes the work, as ring() wants it. A weaker load may come before that on aarch64.
  bool has_sleeper() const { return sleeper_.load(std::memory_order_seq_cst) != 0; }

  // Sleeps unless there is something to do: asked after the sleeper is to be seen, so that one of the two sees the other.
  template <class IsIdle>
  void sleep(Call call, uint64_t ns, IsIdle is_idle) {
    sleeper_.store(static_cast<uint32_t>(call), std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with what comes before ring()
    if (is_idle()) futex_wait(sleeper_, static_cast<uint32_t>(call), ns < kLongest ? ns : kLongest);
    sleeper_.store(0, std::memory_order_relaxed);
  }

  void forget() { sleeper_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> sleeper_{0};
};

}  // namespace reslab
