// SPDX-License-Identifier: Apache-2.0
// A timer that sends one signal after another to the thread that made it.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace unit {

class ThreadTimer {
 public:
  ThreadTimer(int signal, long interval_ns) {
    struct sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = signal;
    event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
    EXPECT_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer_), 0);
    arm(interval_ns);
  }
  ~ThreadTimer() { timer_delete(timer_); }
  ThreadTimer(const ThreadTimer&) = delete;
  ThreadTimer& operator=(const ThreadTimer&) = delete;

  void stop() const { arm(0); }

 private:
  void arm(long interval_ns) const {
    const struct itimerspec times = {{0, interval_ns}, {0, interval_ns}};
    EXPECT_EQ(timer_settime(timer_, 0, &times, nullptr), 0);
  }

  timer_t timer_ = nullptr;
};

}  // namespace unit
