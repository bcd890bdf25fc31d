// SPDX-License-Identifier: Apache-2.0
// Large blocks of 64 KiB to 64 MiB, of each power of two as many as of the next: sixteen live, a random one is replaced
// at each step, and every page of it is touched.
#include "frame.h"
#include "object.h"
#include "random.h"
#include "table.h"

namespace {

constexpr size_t kLive = 16;

}  // namespace

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 400});
  workload::Table<workload::Object*> blocks(kLive);
  workload::Random random(1);
  for (uint64_t i = 0; i < frame.arguments().work; ++i) {
    workload::Object*& block = blocks[random.below(kLive)];
    workload::drop(block);
    block = workload::make(random.log_uniform(16, 26));
    frame.sample();
  }
  for (workload::Object* block : blocks) workload::drop(block);
  return frame.report(frame.arguments().work);
}
