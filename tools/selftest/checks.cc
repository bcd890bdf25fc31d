// SPDX-License-Identifier: Apache-2.0
#include "selftest/checks.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "selftest/cpus.h"
#include "selftest/regions.h"

namespace reslab::selftest {
namespace {

constexpr int kLooks = 100;  // the thread may be moved between two words that it reads, but not each time

uint32_t current_cpu() {
  unsigned cpu = 0;
  syscall(SYS_getcpu, &cpu, nullptr, nullptr);
  return cpu;
}

bool names_current_cpu(ptrdiff_t field) {
  for (int look = 0; look < kLooks; ++look) {
    if (word_of_this_thread(field) == current_cpu()) return true;
  }
  return false;
}

// Of a new thread, on one CPU after the other.
void look_at_every_cpu(const CpuSetup& setup, Outcome& outcome) {
  const ptrdiff_t cpu_field = setup.rseq_offset + kCpuIdField;
  uint64_t unregistered = 0, elsewhere = 0, out_of_range = 0;
  const std::vector<int> cpus = allowed_cpus();
  for (const int cpu : cpus) {
    const Pinned pinned(cpu);
    if (static_cast<int32_t>(word_of_this_thread(cpu_field)) < 0) {
      ++unregistered;
      continue;
    }
    elsewhere += names_current_cpu(cpu_field) ? 0 : 1;
    out_of_range += word_of_this_thread(setup.slot_offset) < setup.slots ? 0 : 1;
  }
  outcome.demand("CPUs", cpus.size(), 1);
  outcome.note("ids", setup.slots);
  outcome.forbid("threads_not_registered", unregistered);
  outcome.forbid("wrong_CPU_numbers", elsewhere);
  outcome.forbid("ids_out_of_range", out_of_range);
}

constexpr Check kChecks[] = {
    {"registration", "threads are registered, and the ids are in range", check_registration},
    {"signal", "a signal aborts the section before its handler runs", check_signal},
    {"fence", "the membarrier fence aborts sections on other CPUs", check_fence},
    {"preemption", "preemption aborts the section before another thread runs on its CPU", check_preemption},
    {"migration", "a thread that migrates finishes no section of the CPU it left", check_migration},
};

}  // namespace

Outcome check_registration(const CpuSetup& setup, Duration) {
  Outcome outcome;
  std::thread([&] { look_at_every_cpu(setup, outcome); }).join();
  return outcome;
}

std::span<const Check> all_checks() { return kChecks; }

}  // namespace reslab::selftest
