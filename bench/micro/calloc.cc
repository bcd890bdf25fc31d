// SPDX-License-Identifier: Apache-2.0
// calloc and free at once: the clearing is part of the price, and what is known to be zero needs none.
#include <cstdlib>

#include "meter.h"

namespace micro {
namespace {

void calloc_pair(benchmark::State& state) {
  const size_t bytes = static_cast<size_t>(state.range(0));
  Meter meter(state, 1);
  for (auto _ : state) {
    void* object = calloc(1, bytes);
    benchmark::DoNotOptimize(object);
    free(object);
  }
}

// And each page of it is used, as by whoever wants so much: an allocator that gives the memory back to the system to have it
// zero pays here.
void calloc_used(benchmark::State& state) {
  const size_t bytes = static_cast<size_t>(state.range(0));
  Meter meter(state, 1);
  for (auto _ : state) {
    auto* const object = static_cast<volatile char*>(calloc(1, bytes));
    for (size_t at = 0; at < bytes; at += 4096) object[at] = 1;
    free(const_cast<char*>(object));
  }
}

BENCHMARK(calloc_used)->Arg(1 << 20);
BENCHMARK(calloc_pair)->Arg(64)->Arg(1024)->Arg(16 << 10)->Arg(1 << 20);

}  // namespace
}  // namespace micro
