// SPDX-License-Identifier: Apache-2.0
// The threads that must not notice: two of them, in the size class and on the slot of the one that is stopped. They work
// shifts of so and so many operations of every kind, and tell what CPU time each kind took them.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace progress {

inline constexpr size_t kOthers = 2;

enum Kind : size_t { kPairs, kBatches, kNolock, kLarge, kKinds };
extern const char* const kKindNames[kKinds];

struct Shift {
  // For one operation, of CPU time: what the scheduler gives to somebody else does not count.
  double nanoseconds[kOthers][kKinds];
};

// `count` operations of one kind by the calling thread, with its objects stamped and the stamps checked.
void work(Kind kind, size_t count);

class Others {
 public:
  // With a `proof`, threads are made until there are two that find it on top of their magazine: the object that the
  // thread to be stopped has freed last.
  void hire(void* proof);
  void move_to(const cpu_set_t& cpus);
  Shift shift(size_t operations_of_a_kind);

 private:
  struct Worker {
    std::thread thread;
    double nanoseconds[kKinds];
  };

  bool hire_one(Worker& worker, void* proof);
  void serve(Worker& worker);

  Worker workers_[kOthers];
  std::atomic<size_t> operations_{0};
  std::atomic<uint32_t> shifts_asked_{0};
  std::atomic<uint32_t> at_work_{0};
};

}  // namespace progress
