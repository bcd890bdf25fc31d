// SPDX-License-Identifier: Apache-2.0
// malloc and free at once: the shortest way through an allocator, one object live at a time.
#include <cstdlib>

#include "meter.h"

namespace micro {
namespace {

void pair(benchmark::State& state) {
  const size_t size = static_cast<size_t>(state.range(0));
  Meter meter(state, 1);
  for (auto _ : state) {
    void* object = malloc(size);
    benchmark::DoNotOptimize(object);
    free(object);
  }
}

BENCHMARK(pair)->Arg(64)->Arg(1024);

}  // namespace
}  // namespace micro
