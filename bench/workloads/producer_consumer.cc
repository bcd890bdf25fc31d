// SPDX-License-Identifier: Apache-2.0
// One thread allocates, another frees: every object is freed where it was not made, and none ever goes back by itself.
#include "channel.h"
#include "frame.h"
#include "object.h"
#include "random.h"
#include "team.h"

namespace {

workload::Channel channel;

}  // namespace

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 5'000'000, .threads = 2});
  if (frame.arguments().threads != 2) workload::die("producer and consumer are two threads");
  const uint64_t work = frame.arguments().work;
  workload::run_team(2, [&](unsigned number) {
    workload::Random random(1);
    for (uint64_t i = 0; i < work; ++i) {
      if (number == 0) {
        channel.put(workload::make(random.between(16, 512)));
        if (i % 256 == 0) frame.sample();
      } else {
        workload::drop(channel.take());
      }
    }
  });
  return frame.report(work);
}
