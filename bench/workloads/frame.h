// SPDX-License-Identifier: Apache-2.0
// What every workload shares: its arguments, the measured part, and the JSON line that it ends with.
//
//   workload [--work N] [--share F] [--threads N] [--seconds S]
//
// The amount of work is fixed by --work, so that every allocator does the same; --share is for short runs and
// multiplies it. Only the workloads that are about time itself go by --seconds. A workload is a plain program on malloc
// and free; whose they are is LD_PRELOAD's matter. What it needs for itself (tables, queues) comes from mmap or lies
// static, so that the memory reported is the allocator's.
//
//   int main(int argc, char** argv) {
//     workload::Frame frame(argc, argv, {.work = 1'000'000});
//     ...                                  // sample() now and then, by one thread at a time
//     return frame.report(operations);
//   }
#pragma once

#include <time.h>

#include <cstddef>
#include <cstdint>

namespace workload {

struct Arguments {
  uint64_t work = 0;  // in units of the workload's own: requests, objects, rounds
  unsigned threads = 1;
  double seconds = 0;
};

// Ends the program: a wrong figure is worse than none.
[[noreturn]] void die(const char* what);

double monotonic_seconds();

class Frame {
 public:
  // Parses the arguments over the defaults given, and begins to measure.
  Frame(int argc, char** argv, Arguments defaults);

  const Arguments& arguments() const { return arguments_; }

  // Notes how much is resident, at most every few milliseconds: to be called often from the measured part.
  void sample() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (now.tv_sec != last_sample_.tv_sec || now.tv_nsec != last_sample_.tv_nsec) take_sample(now);
  }

  // Ends the measured part; report() does so where it was not called. What follows is neither work nor its time.
  void stop();

  // A figure of the workload's own, in the JSON beside the common ones.
  void add(const char* name, double value);

  // Prints the JSON; the exit status of the program.
  int report(uint64_t operations);

 private:
  struct Usage {
    double seconds = 0;
    double cpu_seconds = 0;
    long faults = 0;
  };
  static constexpr int kMostExtras = 16;

  static Usage usage_now();
  void take_sample(const timespec& now);

  Arguments arguments_;
  uint64_t start_rss_ = 0;
  Usage start_;
  Usage end_;
  bool stopped_ = false;
  timespec last_sample_ = {};
  uint64_t samples_ = 0;
  uint64_t sum_of_samples_ = 0;
  struct {
    const char* name;
    double value;
  } extras_[kMostExtras] = {};
  int extra_count_ = 0;
};

}  // namespace workload
