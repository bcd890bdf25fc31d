// SPDX-License-Identifier: Apache-2.0
// A compiler: for each function a burst of small nodes, freed in the order of their making when the function is done;
// one in sixteen lives to the end of the translation unit, of some hundred functions.
#include "frame.h"
#include "object.h"
#include "random.h"
#include "table.h"

namespace {

using workload::Object;

constexpr size_t kMostNodes = 6'000;
constexpr size_t kFunctionsOfAUnit = 100;
constexpr size_t kNodeBytes[] = {24, 32, 32, 40, 48, 48, 64, 64, 72, 96, 128, 256};

size_t node_bytes(workload::Random& random) { return kNodeBytes[random.below(sizeof kNodeBytes / sizeof *kNodeBytes)]; }

class Unit {
 public:
  uint64_t compile_function(workload::Random& random) {
    const size_t count = random.between(200, kMostNodes);
    for (size_t i = 0; i < count; ++i) nodes_[i] = workload::make(node_bytes(random));
    for (size_t i = 0; i < count; ++i) {
      if (i % 16 == 0) {
        lasting_[lasting_count_++] = nodes_[i];
      } else {
        workload::drop(nodes_[i]);
      }
    }
    return count;
  }

  void end() {
    for (size_t i = 0; i < lasting_count_; ++i) workload::drop(lasting_[i]);
    lasting_count_ = 0;
  }

 private:
  workload::Table<Object*> nodes_{kMostNodes};
  workload::Table<Object*> lasting_{kMostNodes / 16 * kFunctionsOfAUnit + kFunctionsOfAUnit};
  size_t lasting_count_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 4'000});
  workload::Random random(1);
  Unit unit;
  uint64_t nodes = 0;
  for (uint64_t function = 1; function <= frame.arguments().work; ++function) {
    nodes += unit.compile_function(random);
    if (function % kFunctionsOfAUnit == 0) unit.end();
    frame.sample();
  }
  unit.end();
  return frame.report(nodes);
}
