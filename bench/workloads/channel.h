// SPDX-License-Identifier: Apache-2.0
// A ring of pointers between one thread that puts and one that takes. Who cannot go on gives its CPU away.
#pragma once

#include <sched.h>

#include <atomic>

#include "object.h"

namespace workload {

class Channel {
 public:
  void put(Object* object) {
    const size_t at = put_.load(std::memory_order_relaxed);
    while (at - taken_.load(std::memory_order_acquire) == kSlots) sched_yield();  // acquire: the slot has been read
    slots_[at % kSlots] = object;
    put_.store(at + 1, std::memory_order_release);  // with the acquire in take(): the object and its slot
  }

  Object* take() {
    const size_t at = taken_.load(std::memory_order_relaxed);
    while (at == put_.load(std::memory_order_acquire)) sched_yield();
    Object* const object = slots_[at % kSlots];
    taken_.store(at + 1, std::memory_order_release);
    return object;
  }

 private:
  static constexpr size_t kSlots = 4'096;

  alignas(64) std::atomic<size_t> put_{0};
  alignas(64) std::atomic<size_t> taken_{0};
  alignas(64) Object* slots_[kSlots] = {};
};

}  // namespace workload
