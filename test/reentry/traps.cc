// SPDX-License-Identifier: Apache-2.0
#include "traps.h"

#include <linux/hw_breakpoint.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "failure.h"

#if !defined(__x86_64__)
#error "traps.cc sets the trap flag and debug registers of x86-64"
#endif

namespace reentry {

namespace {
StepObserver* stepping;
Breakpoint* breakpoint;
constexpr unsigned long long kTrapFlag = 0x100;
}  // namespace

// One handler for both: which it was says the code of the signal.
struct Traps {
  static void on_trap(int, siginfo_t* info, void* context) {
    constexpr int kTrapPerf = 6;  // TRAP_PERF of the kernel's headers
    auto& interrupted = *static_cast<ucontext_t*>(context);
    if (info->si_code == kTrapPerf && breakpoint != nullptr) breakpoint->met(interrupted);
    else if (info->si_code != kTrapPerf && stepping != nullptr) stepping->at_step(interrupted);
  }
  static void install() {
    struct sigaction action = {};
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGTRAP, &action, nullptr);
  }
};

// The call between the two writes of the flag is stepped, and the few instructions around it.
uintptr_t step_through(StepObserver& observer, Entry entry, uintptr_t a, uintptr_t b, uintptr_t c) {
  Traps::install();
  stepping = &observer;
  __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | kTrapFlag);
  const uintptr_t result = entry(a, b, c);
  stop_stepping();
  return result;
}

void begin_stepping(StepObserver& observer, ucontext_t& context) {
  stepping = &observer;
  context.uc_mcontext.gregs[REG_EFL] |= kTrapFlag;
}

void stop_stepping() {
  __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~kTrapFlag);
  stepping = nullptr;
}

Breakpoint::Breakpoint(BreakpointObserver& observer) : observer_(observer) {
  Traps::install();
  wanted_.size = sizeof wanted_;
  wanted_.type = PERF_TYPE_BREAKPOINT;
  wanted_.bp_type = HW_BREAKPOINT_X;
  wanted_.bp_len = sizeof(long);
  wanted_.bp_addr = reinterpret_cast<uintptr_t>(&Traps::install);  // any place, while it is disabled
  wanted_.sample_period = 1;
  wanted_.exclude_kernel = 1;
  wanted_.exclude_hv = 1;
  wanted_.remove_on_exec = 1;
  wanted_.sigtrap = 1;
  wanted_.disabled = 1;
  fd_ = static_cast<int>(syscall(SYS_perf_event_open, &wanted_, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
  if (fd_ < 0) unavailable_ = strerror(errno);
  breakpoint = this;
}

Breakpoint::~Breakpoint() {
  if (fd_ >= 0) close(fd_);
  breakpoint = nullptr;
}

void Breakpoint::arm(uintptr_t place) {
  place_ = place;
  wanted_.bp_addr = place;
  wanted_.disabled = 0;
  if (ioctl(fd_, PERF_EVENT_IOC_MODIFY_ATTRIBUTES, &wanted_) != 0) {
    fail("the breakpoint cannot be set at %p: %s", reinterpret_cast<void*>(place), strerror(errno));
  }
}

void Breakpoint::disarm() { ioctl(fd_, PERF_EVENT_IOC_DISABLE, 0); }

// Disarmed first: the nested operation passes the same place.
void Breakpoint::met(ucontext_t& context) {
  disarm();
  observer_.at_breakpoint(place_, context);
}

}  // namespace reentry
