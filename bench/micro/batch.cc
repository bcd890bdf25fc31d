// SPDX-License-Identifier: Apache-2.0
// `count` objects of 64 bytes are allocated, then all are freed: in the order of their allocation
// (FIFO) or the reverse (LIFO). 100 fit into every allocator's front cache, 20,000 into none, so the
// deep batches price the way between the cache and what lies behind it.
//
// The objects are not touched: memory is the hardware's price, the same for every allocator, except
// for one that keeps its lists inside the objects, and that one has to pay it here.
#include <cstdlib>
#include <vector>

#include "meter.h"

namespace micro {
namespace {

constexpr size_t kObjectBytes = 64;

enum class Order { kFifo, kLifo };

void batch(benchmark::State& state, Order order) {
  const size_t count = static_cast<size_t>(state.range(0));
  std::vector<void*> objects(count);
  Meter meter(state, static_cast<int64_t>(count));
  for (auto _ : state) {
    for (void*& object : objects) object = malloc(kObjectBytes);
    benchmark::ClobberMemory();
    if (order == Order::kFifo) {
      for (size_t i = 0; i < count; i++) free(objects[i]);
    } else {
      for (size_t i = count; i-- > 0;) free(objects[i]);
    }
    benchmark::ClobberMemory();
  }
}

BENCHMARK_CAPTURE(batch, fifo, Order::kFifo)->Arg(100)->Arg(1000)->Arg(20000);
BENCHMARK_CAPTURE(batch, lifo, Order::kLifo)->Arg(100)->Arg(1000)->Arg(20000);

}  // namespace
}  // namespace micro
