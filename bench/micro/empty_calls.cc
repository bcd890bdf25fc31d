// SPDX-License-Identifier: Apache-2.0
// What the two calls of a pair cost by themselves, whichever allocator is there: the linkage table, the branches, the loop.
#include "meter.h"
#include "micro/nothing.h"

namespace micro {
namespace {

void empty_calls(benchmark::State& state) {
  Meter meter(state, 1);
  for (auto _ : state) {
    void* object = nothing_allocate(64);
    benchmark::DoNotOptimize(object);
    nothing_free(object);
  }
}

BENCHMARK(empty_calls);

}  // namespace
}  // namespace micro
