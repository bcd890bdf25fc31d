// SPDX-License-Identifier: Apache-2.0
// Do threads that free their part of a line which one thread was given get it back again? The main thread makes an object
// for each, from one line if the allocator lays them close; each frees its own and asks for others from then on.
#include "false_sharing.h"
#include "frame.h"
#include "object.h"
#include "team.h"

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 400'000, .threads = 2});
  const unsigned threads = frame.arguments().threads;
  const uint64_t each = frame.arguments().work / threads + 1;
  static workload::Object* given[workload::kMostThreads];
  for (unsigned i = 0; i < threads; ++i) given[i] = workload::make(workload::kLeastBytes);
  workload::run_team(threads, [&](unsigned number) {
    workload::Object* object = given[number];
    for (uint64_t i = 0; i < each; ++i) {
      workload::write_many_times(object);
      workload::drop(object);
      object = workload::make(workload::kLeastBytes);
      if (number == 0 && i % 64 == 0) frame.sample();
    }
    workload::drop(object);
  });
  return frame.report(each * threads);
}
