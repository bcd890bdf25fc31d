// SPDX-License-Identifier: Apache-2.0
// A thread is stopped for ever at an instruction of the library, in the middle of each operation; two others, in the same
// size class and on the same slot, do 10,000 operations of every kind at half their usual pace or better (P1). Then the
// thread goes on, and the heap is sound and has lost nothing. For lesson 25 of docs/lessons.md.
#include "pace.h"
#include "walk.h"

namespace {

void beside(const progress::Operation& operation) { progress::work_beside(progress::crew(), operation.least_pace); }

}  // namespace

int main(int argc, char** argv) {
  using namespace progress;
  const Settings settings =
      read_settings(argc, argv, "a thread stopped at any instruction of the library delays no other");
  require(settings);
  const Deed deed = {measure_pace, beside, expect_their_pace};
  Walk walk(settings, deed, kFloorOfOperations);
  walk.go(operations());
  walk.require_all_hooks();
  settings.log.line("ok, seed %llu", static_cast<unsigned long long>(settings.seed));
}
