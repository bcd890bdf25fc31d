// SPDX-License-Identifier: Apache-2.0
// A block grown by half again and again, as vectors and string builders do: from 64 bytes to the size given, then freed.
// Some allocators find room behind the block or move its pages; others copy.
#include <cstdlib>

#include "meter.h"

namespace micro {
namespace {

constexpr size_t kFirstBytes = 64;

int64_t steps_to(size_t last_bytes) {
  int64_t steps = 0;
  for (size_t bytes = kFirstBytes; bytes < last_bytes; bytes += bytes / 2) ++steps;
  return steps;
}

void realloc_growth(benchmark::State& state) {
  const size_t last_bytes = static_cast<size_t>(state.range(0));
  Meter meter(state, steps_to(last_bytes));
  for (auto _ : state) {
    void* block = malloc(kFirstBytes);
    for (size_t bytes = kFirstBytes; bytes < last_bytes; bytes += bytes / 2) {
      block = realloc(block, bytes + bytes / 2);
      benchmark::DoNotOptimize(block);
    }
    free(block);
  }
}

BENCHMARK(realloc_growth)->Arg(4096)->Arg(1 << 20)->Arg(64 << 20);

}  // namespace
}  // namespace micro
