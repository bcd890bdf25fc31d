// SPDX-License-Identifier: Apache-2.0
// C++'s new and the delete that is told the size: an allocator may save the look-up of it.
#include <new>

#include "meter.h"

namespace micro {
namespace {

void sized_delete(benchmark::State& state) {
  const size_t bytes = static_cast<size_t>(state.range(0));
  Meter meter(state, 1);
  for (auto _ : state) {
    void* object = ::operator new(bytes);
    benchmark::DoNotOptimize(object);
    ::operator delete(object, bytes);
  }
}

BENCHMARK(sized_delete)->Arg(64)->Arg(512);

}  // namespace
}  // namespace micro
