// SPDX-License-Identifier: Apache-2.0
// Random sizes with exponential lifetimes: at each step an object is made that is to live for a random number of steps,
// and those whose time has come are freed. About 10,000 live at a time in each thread.
#include <cmath>

#include "frame.h"
#include "object.h"
#include "random.h"
#include "table.h"
#include "team.h"

namespace {

constexpr size_t kMeanLifetime = 10'000;
constexpr size_t kQuantiles = 4'096;
constexpr size_t kSlots = 131'072;  // more than the longest lifetime

struct Mortal : workload::Object {
  Mortal* next;  // to die in the same step
};

// The quantiles of the exponential distribution, so that a step costs no logarithm.
void fill_lifetimes(workload::Table<uint32_t>& lifetimes) {
  for (size_t i = 0; i < kQuantiles; ++i) {
    const double share = (static_cast<double>(i) + 0.5) / kQuantiles;
    lifetimes[i] = static_cast<uint32_t>(-std::log(share) * kMeanLifetime) + 1;
  }
}

size_t mortal_bytes(workload::Random& random) {
  return random.below(200) == 0 ? random.log_uniform(12, 16) : random.log_uniform(5, 11);
}

class World {
 public:
  explicit World(workload::Table<uint32_t>& lifetimes, unsigned seed) : lifetimes_(lifetimes), random_(seed) {}

  void step() {
    auto* const born = static_cast<Mortal*>(workload::make(mortal_bytes(random_)));
    Mortal*& slot = dying_[(now_ + lifetimes_[random_.below(kQuantiles)]) % kSlots];
    born->next = slot;
    slot = born;
    bury(dying_[++now_ % kSlots]);
  }

  void end() {
    for (Mortal*& slot : dying_) bury(slot);
  }

 private:
  static void bury(Mortal*& list) {
    while (Mortal* const dead = list) {
      list = dead->next;
      workload::drop(dead);
    }
  }

  workload::Table<uint32_t>& lifetimes_;
  workload::Random random_;
  workload::Table<Mortal*> dying_{kSlots};
  size_t now_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 6'000'000, .threads = 2});
  workload::Table<uint32_t> lifetimes(kQuantiles);
  fill_lifetimes(lifetimes);
  const unsigned threads = frame.arguments().threads;
  const uint64_t each = frame.arguments().work / threads + 1;
  workload::run_team(threads, [&](unsigned number) {
    World world(lifetimes, number);
    for (uint64_t i = 0; i < each; ++i) {
      world.step();
      if (number == 0 && i % 256 == 0) frame.sample();
    }
    world.end();
  });
  return frame.report(each * threads);
}
