// SPDX-License-Identifier: Apache-2.0
// One binary for every allocator: it calls malloc and free by their names, and LD_PRELOAD decides whose they are. The
// report names the object that really answered, because a preload that failed is only a warning on stderr and would be
// measured as the system's malloc; and reslab's mode, because on some systems only one of the two is to be had.
#include <benchmark/benchmark.h>

#include "which_malloc.h"

int main(int argc, char** argv) {
  benchmark::AddCustomContext("malloc", owner_of_malloc());
  benchmark::AddCustomContext("reslab_mode", reslab_mode());
  benchmark::AddCustomContext("per_cpu", per_cpu_caches());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
