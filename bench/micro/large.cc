// SPDX-License-Identifier: Apache-2.0
// Blocks of 32 KiB to 8 MiB: one at a time, and eight at a time. The first byte of each is written, so that an allocator
// that gives the memory back at once pays for taking it again.
#include <cstdlib>

#include "meter.h"

namespace micro {
namespace {

void large(benchmark::State& state) {
  const size_t bytes = static_cast<size_t>(state.range(0));
  const size_t at_once = static_cast<size_t>(state.range(1));
  volatile char* blocks[8];
  Meter meter(state, static_cast<int64_t>(at_once));
  for (auto _ : state) {
    for (size_t i = 0; i < at_once; i++) {
      blocks[i] = static_cast<char*>(malloc(bytes));
      blocks[i][0] = 1;
    }
    for (size_t i = 0; i < at_once; i++) free(const_cast<char*>(blocks[i]));
  }
}

BENCHMARK(large)->ArgsProduct({{32 << 10, 128 << 10, 512 << 10, 1 << 20, 2 << 20, 8 << 20}, {1, 8}});

}  // namespace
}  // namespace micro
