// SPDX-License-Identifier: Apache-2.0
// A program that frees everything it had and then does nothing: end_rss is what stays resident after a second in which
// it makes no call. Before, threads build up some hundred megabytes of small and middling objects, and free each other's.
#include <sched.h>

#include "frame.h"
#include "object.h"
#include "random.h"
#include "table.h"
#include "team.h"

namespace {

void pause_for(double seconds) {
  const timespec time = {static_cast<time_t>(seconds),
                         static_cast<long>((seconds - static_cast<double>(static_cast<time_t>(seconds))) * 1e9)};
  nanosleep(&time, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 150'000, .threads = 2, .seconds = 1});
  const unsigned threads = frame.arguments().threads;
  const size_t share = frame.arguments().work / threads;
  workload::Table<workload::Object*> objects(share * threads + 1);
  workload::run_team(threads, [&](unsigned number) {
    workload::Random random(number);
    for (size_t i = 0; i < share; ++i) {
      objects[number * share + i] = workload::make(random.object_bytes());
      if (number == 0) frame.sample();
    }
  });
  workload::run_team(threads, [&](unsigned number) {
    for (size_t i = number; i < objects.size(); i += threads) workload::drop(objects[i]);
  });
  frame.stop();
  objects.discard();
  pause_for(frame.arguments().seconds);
  return frame.report(share * threads);
}
