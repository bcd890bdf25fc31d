// SPDX-License-Identifier: Apache-2.0
// Objects made by one thread and freed by another, in batches, while the first makes the next batch. The time is the CPU
// time of both: who waits for the other sleeps.
#include <semaphore.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "meter.h"

namespace micro {
namespace {

constexpr size_t kBatch = 8'000;
constexpr size_t kObjectBytes = 64;

// Two batches go round between the two threads.
class Rounds {
 public:
  Rounds() {
    sem_init(&full_, 0, 0);
    sem_init(&empty_, 0, 2);
    consumer_ = std::thread([this] { consume(); });
  }

  ~Rounds() {
    sem_wait(&empty_);
    batches_[next_].clear();  // an empty one is the end
    sem_post(&full_);
    consumer_.join();
  }

  void produce() {
    sem_wait(&empty_);
    for (void*& object : batches_[next_]) object = malloc(kObjectBytes);
    sem_post(&full_);
    next_ ^= 1;
  }

 private:
  void consume() {
    for (size_t own = 0;; own ^= 1) {
      sem_wait(&full_);
      if (batches_[own].empty()) return;
      for (void* object : batches_[own]) free(object);
      sem_post(&empty_);
    }
  }

  std::vector<void*> batches_[2] = {std::vector<void*>(kBatch), std::vector<void*>(kBatch)};
  size_t next_ = 0;
  sem_t full_;
  sem_t empty_;
  std::thread consumer_;
};

void cross_thread(benchmark::State& state) {
  Rounds rounds;
  Meter meter(state, kBatch);
  for (auto _ : state) rounds.produce();
}

BENCHMARK(cross_thread)->MeasureProcessCPUTime()->UseRealTime();

}  // namespace
}  // namespace micro
