// SPDX-License-Identifier: Apache-2.0
// Sixty-four objects of sizes that have nothing in common, 16 bytes to 32 KiB and small ones mostly, are allocated and
// freed in another order: every call is another class, and no branch is foretold by the last one.
#include <algorithm>
#include <cstdlib>

#include "meter.h"

namespace micro {
namespace {

constexpr size_t kCount = 64;
constexpr size_t kStep = 37;  // odd: it comes by every one of them

struct Sizes {
  size_t bytes[4096];

  Sizes() {
    uint64_t state = 88172645463325252u;
    for (size_t& size : bytes) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const unsigned shift = std::min((state >> 40) % 11, (state >> 50) % 11);
      size = (size_t{16} << shift) + (state >> 33) % (size_t{16} << shift);
    }
  }
};

void mixed(benchmark::State& state) {
  static const Sizes sizes;
  void* objects[kCount];
  size_t at = 0;
  Meter meter(state, kCount);
  for (auto _ : state) {
    for (void*& object : objects) {
      object = malloc(sizes.bytes[at++ % 4096]);
      benchmark::DoNotOptimize(object);
    }
    for (size_t i = 0; i < kCount; i++) free(objects[i * kStep % kCount]);
  }
}

BENCHMARK(mixed);

}  // namespace
}  // namespace micro
