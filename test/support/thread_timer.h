// SPDX-License-Identifier: Apache-2.0
// A POSIX timer that sends one thread a signal at a steady rate.
//
// A timer has at most one signal pending: expirations that find it so are overruns and are not delivered. A thread that
// waits for a CPU therefore misses signals, and with more threads than CPUs each gets less than the rate asked for.
#pragma once

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "failure.h"

// The name that timer_create(2) gives this field; glibc 2.36 has it only under its internal one.
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace support {

class ThreadTimer {
 public:
  // For the calling thread, every so many nanoseconds, less than a second; from now until the timer is destroyed by the
  // same thread.
  ThreadTimer(int signal_number, long period) {
    sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = signal_number;
    event.sigev_notify_thread_id = gettid();
    expect(timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0, "timer_create: %s", strerrordesc_np(errno));
    const timespec interval = {.tv_sec = 0, .tv_nsec = period};
    const itimerspec schedule = {.it_interval = interval, .it_value = interval};
    expect(timer_settime(timer_, 0, &schedule, nullptr) == 0, "timer_settime: %s", strerrordesc_np(errno));
  }

  ~ThreadTimer() { timer_delete(timer_); }
  ThreadTimer(const ThreadTimer&) = delete;
  ThreadTimer& operator=(const ThreadTimer&) = delete;

 private:
  timer_t timer_;
};

// In nanoseconds.
constexpr long period_of(long hertz) { return 1'000'000'000 / hertz; }

}  // namespace support
