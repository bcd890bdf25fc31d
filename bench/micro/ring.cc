// SPDX-License-Identifier: Apache-2.0
// `live` objects of random sizes, 16 to 1,024 bytes: each step frees a random one and puts a new one
// of another size into its place. All small classes are in play at once, nothing is freed in the
// order of its allocation, and with 65,536 live the allocator's own data no longer fit into L1.
#include <cstdlib>
#include <vector>

#include "meter.h"

namespace micro {
namespace {

struct Step {
  size_t slot;
  size_t bytes;
};

// A 64-bit linear congruential generator (Knuth's constants): one multiplication a step, so that the
// harness stays small beside what it measures. Size and slot come from bits that do not overlap.
class RandomSteps {
 public:
  explicit RandomSteps(size_t slots) : slots_(slots) {}

  Step next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return {.slot = scale(state_ >> 40, slots_),
            .bytes = kSmallest + scale(state_ >> 16 & kMask, kLargest - kSmallest + 1)};
  }

 private:
  static constexpr unsigned kBits = 24;
  static constexpr uint64_t kMask = (uint64_t{1} << kBits) - 1;
  static constexpr uint64_t kSmallest = 16;
  static constexpr uint64_t kLargest = 1024;

  static uint64_t scale(uint64_t bits, uint64_t range) { return (bits * range) >> kBits; }

  const size_t slots_;
  uint64_t state_ = 88172645463325252u;
};

void ring(benchmark::State& state) {
  const size_t live = static_cast<size_t>(state.range(0));
  RandomSteps steps(live);
  std::vector<void*> objects(live);
  for (void*& object : objects) object = malloc(steps.next().bytes);
  {
    Meter meter(state, 1);
    for (auto _ : state) {
      const Step step = steps.next();
      free(objects[step.slot]);
      void* object = malloc(step.bytes);
      benchmark::DoNotOptimize(object);
      objects[step.slot] = object;
    }
  }
  for (void* object : objects) free(object);
}

BENCHMARK(ring)->Arg(1024)->Arg(65536)->Arg(100000);

}  // namespace
}  // namespace micro
