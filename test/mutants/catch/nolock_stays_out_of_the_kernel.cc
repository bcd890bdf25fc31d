// SPDX-License-Identifier: Apache-2.0
// A strict nolock allocation takes what is at hand, and fails when that is used up: it never asks the kernel for memory
// (P3), which a plain call afterwards does.
#include <vector>

#include "catcher.h"

using namespace catcher;

namespace {

constexpr size_t kBytes = 16384;
constexpr size_t kMost = 20000;  // far more than is ever at hand

uint64_t taken_from_kernel() {
  const reslab_stats now = stats();
  return now.bytes_committed + now.bytes_metadata;
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  const uint64_t before = taken_from_kernel();
  std::vector<void*> objects;
  while (objects.size() < kMost) {
    void* object = reslab_malloc_nolock(kBytes, 0);
    if (object == nullptr) break;
    objects.push_back(object);
  }
  expect(!objects.empty(), "there was nothing at hand");
  expect(objects.size() < kMost, "nolock allocations have no end");
  expect(taken_from_kernel() == before, "nolock allocations have taken %zu bytes from the kernel",
         static_cast<size_t>(taken_from_kernel() - before));
  expect(reslab_malloc(kBytes) != nullptr, "a plain call has got nothing either");
  expect(taken_from_kernel() > before, "the plain call has not asked the kernel");
}
