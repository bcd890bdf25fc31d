// SPDX-License-Identifier: Apache-2.0
// A sampling CPU profiler for programs as they are: preload it, and at exit it writes what a flame graph is drawn from.
//
//   LD_PRELOAD="libreslab.so libprofiler.so" PROFILE_FILE=out.folded program
//
// What one learns here: a handler that allocates. A timer interrupts the program; the handler walks the interrupted
// stack and counts it in a hash table (stack_table.h) that grows as new stacks come, by memory from
// reslab_malloc_nolock. No table of a fixed size, no buffer that overflows, no thread that empties one; and the signal
// may have interrupted malloc itself, in this thread and in any other.
//
// The handler calls nothing that waits: see common/stack_trace.h for how stacks are walked. Names are looked up at exit
// (common/symbols.h), in an ordinary context.
//
// A child made by fork has no timer and is not profiled; one that a program starts by exec is, if it inherits the
// environment: let PROFILE_FILE have a %p.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "folded.h"
#include "settings.h"
#include "stack_table.h"
#include "stack_trace.h"

namespace profiler {
namespace {

constexpr size_t kDeepest = 128;  // frames that a sample keeps; of deeper stacks the innermost ones

StackTable stacks;
std::atomic<bool> active{false};
std::atomic<uint64_t> samples{0};
std::atomic<uint64_t> dropped{0};

void take_sample(int, siginfo_t*, void* context) {
  if (!active.load(std::memory_order_relaxed)) return;  // a signal that was on its way when the timer was deleted
  const int interrupted_errno = errno;
  uintptr_t frames[kDeepest];
  const size_t depth = examples::walk_interrupted_stack(static_cast<ucontext_t*>(context), frames, kDeepest);
  samples.fetch_add(1, std::memory_order_relaxed);
  if (!stacks.add(frames, depth)) dropped.fetch_add(1, std::memory_order_relaxed);
  errno = interrupted_errno;
}

// From the time the library is loaded until it is unloaded, at the program's exit.
class Session {
 public:
  Session() {
    if (!settings_.read_environment()) return;
    examples::prepare_stack_walks();
    struct sigaction action = {};
    action.sa_sigaction = take_sample;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigaction(SIGPROF, &action, nullptr);
    active.store(true, std::memory_order_relaxed);
    if (start_timer()) {
      process_ = getpid();
    } else {
      fprintf(stderr, "profiler: no timer: %s\n", strerror(errno));
    }
  }

  ~Session() {
    if (process_ != getpid()) return;  // never started, or a child by fork
    active.store(false, std::memory_order_relaxed);
    timer_delete(timer_);
    if (!write_folded(stacks, settings_.file)) {
      fprintf(stderr, "profiler: cannot write %s: %s\n", settings_.file.c_str(), strerror(errno));
      return;
    }
    fprintf(stderr, "profiler: %llu samples, %llu dropped, in %s\n",
            static_cast<unsigned long long>(samples.load(std::memory_order_relaxed)),
            static_cast<unsigned long long>(dropped.load(std::memory_order_relaxed)), settings_.file.c_str());
  }

 private:
  bool start_timer() {
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGPROF;
    if (timer_create(settings_.wall ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &event, &timer_) != 0) return false;
    const timespec period = {1 / settings_.hertz, 1'000'000'000 / settings_.hertz % 1'000'000'000};
    const itimerspec schedule = {period, period};
    return timer_settime(timer_, 0, &schedule, nullptr) == 0;
  }

  Settings settings_;
  timer_t timer_;
  pid_t process_ = 0;
} session;

}  // namespace
}  // namespace profiler
