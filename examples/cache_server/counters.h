// SPDX-License-Identifier: Apache-2.0
// What a thread of the server counts.
#pragma once

#include <atomic>
#include <cstdint>

namespace cache_server {

// Of one thread, which alone writes them; relaxed, since others only want to know about how many.
struct alignas(64) Counters {
  using Counter = std::atomic<uint64_t>;
  Counter gets{0}, hits{0}, sets{0}, touches{0}, flushes{0}, bytes_read{0}, bytes_written{0};

  static void add(Counter& counter, uint64_t more = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
};

}  // namespace cache_server
