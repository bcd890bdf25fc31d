// SPDX-License-Identifier: Apache-2.0
// More threads than CPUs that pass objects on: each puts new objects into random slots of a table that all share, and
// frees what it finds there, most of it made by others.
#include <atomic>

#include "frame.h"
#include "object.h"
#include "random.h"
#include "table.h"
#include "team.h"

namespace {

constexpr size_t kSlots = 16'384;

}  // namespace

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 4'000'000, .threads = 8});
  workload::Table<std::atomic<workload::Object*>> slots(kSlots);
  const unsigned threads = frame.arguments().threads;
  const uint64_t each = frame.arguments().work / threads + 1;
  workload::run_team(threads, [&](unsigned number) {
    workload::Random random(number);
    for (uint64_t i = 0; i < each; ++i) {
      workload::Object* const made = workload::make(random.between(16, 512));
      workload::drop(slots[random.below(kSlots)].exchange(made));
      if (number == 0 && i % 256 == 0) frame.sample();
    }
  });
  for (std::atomic<workload::Object*>& slot : slots) workload::drop(slot.exchange(nullptr));
  return frame.report(each * threads);
}
