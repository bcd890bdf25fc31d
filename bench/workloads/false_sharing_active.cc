// SPDX-License-Identifier: Apache-2.0
// Does the allocator give parts of one cache line to two threads that ask at the same time?
#include "false_sharing.h"
#include "frame.h"
#include "object.h"
#include "team.h"

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 400'000, .threads = 2});
  const unsigned threads = frame.arguments().threads;
  const uint64_t each = frame.arguments().work / threads + 1;
  workload::run_team(threads, [&](unsigned number) {
    for (uint64_t i = 0; i < each; ++i) {
      workload::Object* const object = workload::make(workload::kLeastBytes);
      workload::write_many_times(object);
      workload::drop(object);
      if (number == 0 && i % 64 == 0) frame.sample();
    }
  });
  return frame.report(each * threads);
}
