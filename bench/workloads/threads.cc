// SPDX-License-Identifier: Apache-2.0
// Threads that are born, allocate a little, and end: half of what each made it frees itself, the rest is freed by the
// thread that waits for it.
#include <pthread.h>

#include "frame.h"
#include "object.h"
#include "process.h"
#include "random.h"

namespace {

constexpr size_t kObjects = 64;

struct Life {
  pthread_t thread;
  uint64_t seed;
  workload::Object* left[kObjects / 2];
};

void* live(void* argument) {
  Life& life = *static_cast<Life*>(argument);
  workload::Random random(life.seed);
  workload::Object* own[kObjects / 2];
  for (size_t i = 0; i < kObjects / 2; ++i) {
    own[i] = workload::make(random.between(16, 1'024));
    life.left[i] = workload::make(random.between(16, 1'024));
  }
  for (workload::Object* object : own) workload::drop(object);
  return nullptr;
}

void begin(Life& life) {
  if (pthread_create(&life.thread, nullptr, live, &life) != 0) workload::die("no thread");
}

void bury(Life& life) {
  pthread_join(life.thread, nullptr);
  for (workload::Object* object : life.left) workload::drop(object);
}

}  // namespace

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 20'000, .threads = 4});
  static Life lives[workload::kMostThreads];
  const unsigned at_once = frame.arguments().threads;
  uint64_t lived = 0;
  while (lived < frame.arguments().work) {
    for (unsigned i = 0; i < at_once; ++i) {
      lives[i].seed = lived++;
      begin(lives[i]);
    }
    for (unsigned i = 0; i < at_once; ++i) bury(lives[i]);
    frame.sample();
  }
  return frame.report(lived * kObjects);
}
