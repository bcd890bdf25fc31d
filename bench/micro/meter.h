// SPDX-License-Identifier: Apache-2.0
// What one benchmark case costs per malloc+free pair, beside the time that Google Benchmark takes:
// ticks of the time-stamp counter always, user cycles and instructions where the kernel lets an
// ordinary program open hardware counters (many virtual machines have none).
//
// A Meter lives around the timed loop and nothing else:
//
//     {
//       Meter meter(state, pairs_per_iteration);
//       for (auto _ : state) { ... }
//     }
//
// Not for several threads: the counters follow the thread that opened them.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

namespace micro {

// A group of two hardware counters of the calling thread, opened once. Kernel work is left out, so
// that page faults and timer interrupts do not blur what the allocator's own code costs.
class HardwareCounters {
 public:
  struct Reading {
    uint64_t cycles = 0;
    uint64_t instructions = 0;
  };

  static HardwareCounters& of_this_process();

  bool available() const { return group_ >= 0; }
  Reading read() const;

 private:
  HardwareCounters();

  int group_ = -1;
};

class Meter {
 public:
  Meter(benchmark::State& state, int64_t pairs_per_iteration);
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

 private:
  benchmark::State& state_;
  const int64_t pairs_per_iteration_;
  HardwareCounters::Reading hardware_at_start_;
  uint64_t ticks_at_start_;
};

}  // namespace micro
