// SPDX-License-Identifier: Apache-2.0
#include "meter.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace micro {
namespace {

uint64_t ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  uint64_t value;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
#error "no cycle-like counter known for this architecture"
#endif
}

int open_counter(uint64_t which, int group) {
  perf_event_attr attributes = {};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.config = which;
  attributes.read_format = PERF_FORMAT_GROUP;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  return static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, /*pid=*/0, /*cpu=*/-1, group, PERF_FLAG_FD_CLOEXEC));
}

}  // namespace

HardwareCounters::HardwareCounters() {
  group_ = open_counter(PERF_COUNT_HW_CPU_CYCLES, -1);
  if (group_ >= 0 && open_counter(PERF_COUNT_HW_INSTRUCTIONS, group_) < 0) {
    close(group_);
    group_ = -1;
  }
}

HardwareCounters& HardwareCounters::of_this_process() {
  static HardwareCounters counters;
  return counters;
}

HardwareCounters::Reading HardwareCounters::read() const {
  struct {
    uint64_t count;
    uint64_t values[2];
  } group = {};
  if (!available() || ::read(group_, &group, sizeof group) != ssize_t{sizeof group}) return {};
  return {group.values[0], group.values[1]};
}

Meter::Meter(benchmark::State& state, int64_t pairs_per_iteration)
    : state_(state),
      pairs_per_iteration_(pairs_per_iteration),
      hardware_at_start_(HardwareCounters::of_this_process().read()),
      ticks_at_start_(ticks()) {}

Meter::~Meter() {
  const uint64_t elapsed = ticks() - ticks_at_start_;
  const HardwareCounters& hardware = HardwareCounters::of_this_process();
  const HardwareCounters::Reading end = hardware.read();

  const double pairs = static_cast<double>(state_.iterations() * pairs_per_iteration_);
  state_.counters["pairs_per_iteration"] = static_cast<double>(pairs_per_iteration_);
  state_.counters["ticks_per_pair"] = static_cast<double>(elapsed) / pairs;
  if (!hardware.available()) return;
  state_.counters["cycles_per_pair"] = static_cast<double>(end.cycles - hardware_at_start_.cycles) / pairs;
  state_.counters["instructions_per_pair"] =
      static_cast<double>(end.instructions - hardware_at_start_.instructions) / pairs;
}

}  // namespace micro
