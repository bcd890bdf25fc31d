// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "selftest/trial.h"

// The name that timer_create(2) gives this field; glibc 2.36 has it only under its internal one.
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

// The linker's bounds of what holds every descriptor of this program; there are none where there are no sections.
struct RseqDescriptor {
  uint32_t version, flags;
  uint64_t start, bytes, abort;
};
extern __attribute__((weak, visibility("hidden"))) RseqDescriptor descriptors_begin[] asm("__start___rseq_cs");
extern __attribute__((weak, visibility("hidden"))) RseqDescriptor descriptors_end[] asm("__stop___rseq_cs");

namespace reslab::selftest {
namespace {

constexpr long kPeriod = 50000;  // ns
constexpr uint64_t kEnoughSignals = 1000;

// What the handler works on, and has in hand: both of the thread that it interrupts.
std::atomic<Stress*> interrupted;
Hand in_handler;
std::atomic<uint64_t> signals, signals_inside;

bool inside_a_section(uintptr_t pc) {
  for (const RseqDescriptor* one = descriptors_begin; one != descriptors_end; ++one) {
    if (pc - one->start < one->bytes) return true;
  }
  return false;
}

uintptr_t interrupted_pc(const ucontext_t& context) {
#if defined(__x86_64__)
  return static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return context.uc_mcontext.pc;
#else
  static_cast<void>(context);  // no sections there
  return 0;
#endif
}

// Changes the very magazine whose section it may have interrupted. Relaxed: all on one thread.
void on_signal(int, siginfo_t*, void* context) {
  signals.fetch_add(1, std::memory_order_relaxed);
  if (inside_a_section(interrupted_pc(*static_cast<ucontext_t*>(context)))) {
    signals_inside.fetch_add(1, std::memory_order_relaxed);
  }
  interrupted.load(std::memory_order_relaxed)->take_or_put_back(in_handler);
}

// One signal after another to the thread that made it, which handles them while this exists.
class SignalTimer {
 public:
  explicit SignalTimer(int number) : number_(number) {
    struct sigaction action = {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(number_, &action, &kept_);
    struct sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = number_;
    event.sigev_notify_thread_id = gettid();
    runs_ = timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
    if (runs_) repeat_every(kPeriod);
  }

  // Stopped first: a signal that is pending then is handled before that call returns, and none comes later.
  ~SignalTimer() {
    if (runs_) {
      repeat_every(0);
      timer_delete(timer_);
    }
    sigaction(number_, &kept_, nullptr);
  }
  SignalTimer(const SignalTimer&) = delete;
  SignalTimer& operator=(const SignalTimer&) = delete;

  bool runs() const { return runs_; }

 private:
  void repeat_every(long period) const {
    const struct itimerspec times = {{0, period}, {0, period}};
    timer_settime(timer_, 0, &times, nullptr);
  }

  int number_;
  bool runs_;
  timer_t timer_ = nullptr;
  struct sigaction kept_;
};

uint64_t signals_so_far() { return signals.load(std::memory_order_relaxed); }

void work_under_signals(Trial& trial) {
  const SignalTimer timer(SIGUSR1);
  if (!timer.runs()) return;
  while (!trial.is_over(signals_so_far(), kEnoughSignals) && !trial.is_hopeless(signals_so_far())) {
    trial.stress().own_and_put_back(Stress::kBatch);
  }
}

}  // namespace

Outcome check_signal(const CpuSetup& setup, Duration duration) {
  Trial trial(setup, duration);
  if (!trial.is_ready()) return without_memory();
  interrupted.store(&trial.stress(), std::memory_order_relaxed);
  signals.store(0, std::memory_order_relaxed);
  signals_inside.store(0, std::memory_order_relaxed);
  work_under_signals(trial);
  if (in_handler.count != 0) trial.stress().take_or_put_back(in_handler);

  Outcome outcome = trial.finish("signals", signals_so_far(), kEnoughSignals);
  outcome.forbid("handlers_inside_a_section", signals_inside.load(std::memory_order_relaxed));
  return outcome;
}

}  // namespace reslab::selftest
