// SPDX-License-Identifier: Apache-2.0
// Any number of threads with the same live data between them: 65,536 objects, each thread replacing random ones of its
// share. What is resident should depend on the data and the CPUs, not on how many threads there are.
#include "frame.h"
#include "object.h"
#include "random.h"
#include "table.h"
#include "team.h"

namespace {

constexpr size_t kLive = 65'536;

}  // namespace

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 10'000'000, .threads = 16});
  workload::Table<workload::Object*> live(kLive);
  const unsigned threads = frame.arguments().threads;
  const uint64_t each = frame.arguments().work / threads + 1;
  const size_t share = kLive / threads;
  pthread_barrier_t all_are_here;
  pthread_barrier_init(&all_are_here, nullptr, threads);
  workload::run_team(threads, [&](unsigned number) {
    workload::Object** const own = live.begin() + number * share;
    workload::Random random(number);
    for (size_t i = 0; i < share; ++i) own[i] = workload::make(random.between(16, 1'024));
    pthread_barrier_wait(&all_are_here);  // all objects live at once, however many threads take turns
    for (uint64_t i = 0; i < each; ++i) {
      workload::Object*& object = own[random.below(share)];
      workload::drop(object);
      object = workload::make(random.between(16, 1'024));
      if (number == 0 && i % 256 == 0) frame.sample();
    }
    pthread_barrier_wait(&all_are_here);
    for (size_t i = 0; i < share; ++i) workload::drop(own[i]);
  });
  return frame.report(each * threads);
}
