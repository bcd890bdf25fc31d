// SPDX-License-Identifier: Apache-2.0
// The depot's own figure, by which it is bounded, is that of a walk over its blocks.
#include <vector>

#include "cache/depot.h"
#include "catcher.h"
#include "heap/census.h"

using namespace catcher;
using namespace reslab;

namespace {

void expect_figure_agrees(const char* when) {
  uint64_t bytes = 0;
  for (ClassId cls = 1; cls < kMallocClasses; ++cls) bytes += take_census(cls).in_depot * class_info(cls).object_bytes;
  expect(depot().bytes() == bytes, "%s: the depot says %zu bytes, and has %zu", when,
         static_cast<size_t>(depot().bytes()), static_cast<size_t>(bytes));
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  uint64_t most = 0;
  for (int round = 0; round < 4; ++round) {
    std::vector<void*> objects;
    for (int i = 0; i < 4000; ++i) objects.push_back(reslab_malloc(i % 2 == 0 ? 64 : 512));
    expect_figure_agrees("after allocations");
    for (void* object : objects) reslab_free(object);
    expect_figure_agrees("after frees");
    if (depot().bytes() > most) most = depot().bytes();
  }
  expect(most > 0, "nothing has ever come to the depot");
  reslab_trim(0);
  expect_figure_agrees("after a trim");
}
