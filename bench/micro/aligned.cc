// SPDX-License-Identifier: Apache-2.0
// Aligned objects, a hundred at a time: a cache line of 64 bytes, and a page.
#include <cstdlib>

#include "meter.h"

namespace micro {
namespace {

constexpr size_t kCount = 100;

void aligned(benchmark::State& state) {
  const size_t alignment = static_cast<size_t>(state.range(0));
  const size_t bytes = static_cast<size_t>(state.range(1));
  void* objects[kCount];
  Meter meter(state, kCount);
  for (auto _ : state) {
    for (void*& object : objects) {
      object = aligned_alloc(alignment, bytes);
      benchmark::DoNotOptimize(object);
    }
    for (void* object : objects) free(object);
  }
}

BENCHMARK(aligned)->Args({64, 192})->Args({4096, 4096});

}  // namespace
}  // namespace micro
