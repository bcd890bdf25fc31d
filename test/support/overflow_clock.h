// SPDX-License-Identifier: Apache-2.0
// A perf event that sends one thread a signal whenever the thread has computed for so long: what a profiler does. It
// counts CPU time in user mode, so it needs no performance counters, and it strikes as often on a busy machine, for
// each second that the thread really runs, as on a quiet one.
//
// Each signal is the last one until its handler asks for the next: a handler that takes longer than the period delays
// the next signal, and does not keep the code below it from moving. So a thread has at most one signal of an event
// pending.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "failure.h"

namespace support {

class OverflowClock {
 public:
  // Whether this system lets a process count its own time: kernel.perf_event_paranoid and containers may not.
  static bool is_permitted() {
    const int event = open_event(1'000'000);
    if (event >= 0) close(event);
    return event >= 0;
  }

  // For the calling thread, behind every so many nanoseconds of its time, 10,000 at least; from now until the clock is
  // destroyed by the same thread.
  OverflowClock(int signal_number, long period) : event_(open_event(static_cast<uint64_t>(period))) {
    expect(event_ >= 0, "perf_event_open: %s", strerrordesc_np(errno));
    const f_owner_ex owner = {.type = F_OWNER_TID, .pid = gettid()};
    const bool is_sent = fcntl(event_, F_SETFL, O_ASYNC) == 0 && fcntl(event_, F_SETSIG, signal_number) == 0 &&
                         fcntl(event_, F_SETOWN_EX, &owner) == 0;
    expect(is_sent, "fcntl of a perf event: %s", strerrordesc_np(errno));
    ask_for_next(event_);
  }

  ~OverflowClock() { close(event_); }
  OverflowClock(const OverflowClock&) = delete;
  OverflowClock& operator=(const OverflowClock&) = delete;

  // At the end of a handler (SA_SIGINFO) of such a signal. Nothing for signals of other origin.
  static void ask_for_next(const siginfo_t& signal) {
    if (signal.si_code == POLL_IN || signal.si_code == POLL_HUP) ask_for_next(signal.si_fd);
  }

 private:
  // A clock that has been destroyed meanwhile wants nothing any more.
  static void ask_for_next(int event) { ioctl(event, PERF_EVENT_IOC_REFRESH, 1); }

  static int open_event(uint64_t period) {
    perf_event_attr event = {};
    event.size = sizeof event;
    event.type = PERF_TYPE_SOFTWARE;
    event.config = PERF_COUNT_SW_TASK_CLOCK;
    event.sample_period = period;
    event.disabled = 1;
    event.exclude_kernel = 1;  // more than that is for the privileged
    event.exclude_hv = 1;
    return static_cast<int>(syscall(SYS_perf_event_open, &event, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
  }

  int event_;
};

}  // namespace support
