// SPDX-License-Identifier: Apache-2.0
// A deep stack: 200,000 objects are piled up and taken off again, over and over.
#include <algorithm>

#include "frame.h"
#include "object.h"
#include "random.h"
#include "table.h"

namespace {

constexpr size_t kDepth = 200'000;

}  // namespace

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 6'000'000});
  workload::Table<workload::Object*> stack(kDepth);
  workload::Random random(1);
  for (uint64_t made = 0; made < frame.arguments().work;) {
    const size_t depth = std::min<uint64_t>(kDepth, frame.arguments().work - made);
    for (size_t i = 0; i < depth; ++i) {
      stack[i] = workload::make(random.between(16, 256));
      if (i % 256 == 0) frame.sample();
    }
    for (size_t i = depth; i-- > 0;) workload::drop(stack[i]);
    made += depth;
  }
  return frame.report(frame.arguments().work);
}
