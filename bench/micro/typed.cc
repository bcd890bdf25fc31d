// SPDX-License-Identifier: Apache-2.0
// Objects of one size by reslab's typed caches where the program runs on reslab; by malloc and free under the others: what
// a program would use there. One at a time, and 32 by one call each way.
#include <dlfcn.h>

#include <cstdlib>

#include "meter.h"
#include "reslab/reslab.h"

namespace micro {
namespace {

template <class Pointer>
Pointer named(const char* name) {
  return reinterpret_cast<Pointer>(dlsym(RTLD_DEFAULT, name));
}

struct Calls {
  decltype(&reslab_cache_create) create = named<decltype(&reslab_cache_create)>("reslab_cache_create");
  decltype(&reslab_cache_alloc) alloc = named<decltype(&reslab_cache_alloc)>("reslab_cache_alloc");
  decltype(&reslab_cache_free) free = named<decltype(&reslab_cache_free)>("reslab_cache_free");
  decltype(&reslab_cache_alloc_bulk) alloc_bulk = named<decltype(&reslab_cache_alloc_bulk)>("reslab_cache_alloc_bulk");
  decltype(&reslab_cache_free_bulk) free_bulk = named<decltype(&reslab_cache_free_bulk)>("reslab_cache_free_bulk");

  // nullptr under another allocator.
  reslab_cache* make(size_t size) const {
    const reslab_cache_args args = {size, 0, RESLAB_CACHE_NO_MERGE, nullptr, nullptr};
    return create == nullptr ? nullptr : create("bench", &args);
  }
};

void typed_pair(benchmark::State& state) {
  const size_t size = static_cast<size_t>(state.range(0));
  const Calls calls;
  static reslab_cache* const caches[] = {calls.make(64), calls.make(1024)};
  reslab_cache* const cache = caches[size == 1024];
  Meter meter(state, 1);
  if (cache == nullptr) {
    for (auto _ : state) {
      void* object = malloc(size);
      benchmark::DoNotOptimize(object);
      free(object);
    }
  } else {
    for (auto _ : state) {
      void* object = calls.alloc(cache);
      benchmark::DoNotOptimize(object);
      calls.free(cache, object);
    }
  }
}

void typed_bulk(benchmark::State& state) {
  constexpr size_t kSize = 64, kMost = 64;
  const size_t count = static_cast<size_t>(state.range(0));
  const Calls calls;
  static reslab_cache* const cache = calls.make(kSize);
  void* objects[kMost];
  Meter meter(state, static_cast<int64_t>(count));
  if (cache == nullptr) {
    for (auto _ : state) {
      for (size_t i = 0; i < count; ++i) objects[i] = malloc(kSize);
      benchmark::ClobberMemory();
      for (size_t i = 0; i < count; ++i) free(objects[i]);
    }
  } else {
    for (auto _ : state) {
      if (calls.alloc_bulk(cache, count, objects) != count) abort();
      benchmark::ClobberMemory();
      calls.free_bulk(cache, count, objects);
    }
  }
}

BENCHMARK(typed_pair)->Arg(64)->Arg(1024);
BENCHMARK(typed_bulk)->Arg(32);

}  // namespace
}  // namespace micro
