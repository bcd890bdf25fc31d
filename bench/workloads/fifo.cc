// SPDX-License-Identifier: Apache-2.0
// A deep queue: 200,000 objects live, the oldest is freed for each new one.
#include "frame.h"
#include "object.h"
#include "random.h"
#include "table.h"

namespace {

constexpr size_t kDepth = 200'000;

}  // namespace

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 6'000'000});
  workload::Table<workload::Object*> queue(kDepth);
  workload::Random random(1);
  for (uint64_t i = 0; i < frame.arguments().work; ++i) {
    workload::Object*& oldest = queue[i % kDepth];
    workload::drop(oldest);
    oldest = workload::make(random.between(16, 256));
    if (i % 256 == 0) frame.sample();
  }
  for (uint64_t i = 0; i < kDepth; ++i) workload::drop(queue[(frame.arguments().work + i) % kDepth]);
  return frame.report(frame.arguments().work);
}
