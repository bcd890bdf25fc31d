// SPDX-License-Identifier: Apache-2.0
// A server: threads answer requests, and each thread ends after some thousands and leaves its place to a new one. A
// request allocates a few dozen objects and frees them in order; one in eight outlives it in a table that all threads
// share, and is freed by whichever thread puts its own there later.
#include <semaphore.h>

#include <atomic>

#include "frame.h"
#include "object.h"
#include "random.h"
#include "table.h"
#include "team.h"

namespace {

using workload::Object;

constexpr uint64_t kRequestsOfAThread = 4'000;
constexpr size_t kMostObjects = 40;
constexpr size_t kTableSlots = 8'192;

workload::Frame* frame;
workload::Table<std::atomic<Object*>>* outliving;
std::atomic<uint64_t> objects_made{0};
std::atomic<uint64_t> threads_made{0};
sem_t lineage_ended;

// The threads that follow one another in one place.
struct Lineage {
  uint64_t requests_left;
  bool samples;
};

void answer_request(workload::Random& random) {
  Object* own[kMostObjects];
  const size_t count = random.between(8, kMostObjects);
  for (size_t i = 0; i < count; ++i) own[i] = workload::make(random.object_bytes());
  for (size_t i = 0; i < count; i += 8) own[i] = (*outliving)[random.below(kTableSlots)].exchange(own[i]);
  for (size_t i = 0; i < count; ++i) workload::drop(own[i]);
  objects_made.fetch_add(count, std::memory_order_relaxed);
}

void start_thread(Lineage& lineage);

void* serve(void* argument) {
  Lineage& lineage = *static_cast<Lineage*>(argument);
  workload::Random random(lineage.requests_left);
  for (uint64_t i = 0; i < kRequestsOfAThread && lineage.requests_left > 0; ++i, --lineage.requests_left) {
    answer_request(random);
    if (lineage.samples) frame->sample();
  }
  if (lineage.requests_left > 0) {
    start_thread(lineage);
  } else {
    sem_post(&lineage_ended);
  }
  return nullptr;
}

void start_thread(Lineage& lineage) {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, serve, &lineage) != 0) workload::die("no thread");
  pthread_detach(thread);
  threads_made.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

int main(int argc, char** argv) {
  workload::Frame measured(argc, argv, {.work = 400'000, .threads = 2});
  workload::Table<std::atomic<Object*>> table(kTableSlots);
  static Lineage lineages[workload::kMostThreads];
  frame = &measured;
  outliving = &table;
  sem_init(&lineage_ended, 0, 0);
  const unsigned threads = measured.arguments().threads;
  for (unsigned i = 0; i < threads; ++i) {
    lineages[i] = {measured.arguments().work / threads + 1, i == 0};
    start_thread(lineages[i]);
  }
  for (unsigned i = 0; i < threads; ++i) sem_wait(&lineage_ended);
  for (std::atomic<Object*>& slot : table) workload::drop(slot.exchange(nullptr));
  measured.stop();
  measured.add("threads_made", static_cast<double>(threads_made.load()));
  return measured.report(objects_made.load());
}
