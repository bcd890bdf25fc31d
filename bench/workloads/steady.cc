// SPDX-License-Identifier: Apache-2.0
// Producer and consumer by the clock: what is resident must not grow once they are under way. Beside the common figures
// it reports the most that was resident within the first second and within the last quarter of the time.
#include <algorithm>
#include <atomic>

#include "channel.h"
#include "frame.h"
#include "object.h"
#include "process.h"
#include "random.h"
#include "team.h"

namespace {

workload::Channel channel;

class Watch {
 public:
  explicit Watch(double seconds) : begin_(workload::monotonic_seconds()), seconds_(seconds) {}

  bool is_over() const { return elapsed() >= seconds_; }

  void look() {
    const double part = elapsed() / seconds_;
    const uint64_t resident = workload::roughly_resident_bytes();
    if (elapsed() <= 1) first_ = std::max(first_, resident);
    if (part >= 0.75) last_ = std::max(last_, resident);
  }

  uint64_t first() const { return first_; }
  uint64_t last() const { return last_; }

 private:
  double elapsed() const { return workload::monotonic_seconds() - begin_; }

  double begin_;
  double seconds_;
  uint64_t first_ = 0;
  uint64_t last_ = 0;
};

uint64_t produce(workload::Frame& frame, Watch& watch) {
  workload::Random random(1);
  uint64_t made = 0;
  while (!watch.is_over()) {
    for (int i = 0; i < 4'096; ++i) channel.put(workload::make(random.object_bytes()));
    made += 4'096;
    watch.look();
    frame.sample();
  }
  channel.put(nullptr);
  return made;
}

void consume() {
  while (workload::Object* const object = channel.take()) workload::drop(object);
}

}  // namespace

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.threads = 2, .seconds = 60});
  if (frame.arguments().threads != 2) workload::die("producer and consumer are two threads");
  Watch watch(frame.arguments().seconds);
  uint64_t made = 0;
  workload::run_team(2, [&](unsigned number) {
    if (number == 0) {
      made = produce(frame, watch);
    } else {
      consume();
    }
  });
  frame.add("first_second_rss", static_cast<double>(watch.first()));
  frame.add("last_quarter_rss", static_cast<double>(watch.last()));
  return frame.report(made);
}
