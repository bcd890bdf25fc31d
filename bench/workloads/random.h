// SPDX-License-Identifier: Apache-2.0
// Random numbers at a few instructions each, and sizes as programs ask for them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace workload {

// Marsaglia's xorshift64*.
class Random {
 public:
  explicit Random(uint64_t seed) : state_((seed + 1) * 0x9E3779B97F4A7C15u | 1) {}

  uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1Du;
  }

  size_t below(size_t limit) { return static_cast<size_t>(((next() >> 32) * limit) >> 32); }
  size_t between(size_t least, size_t most) { return least + below(most - least + 1); }

  // Of each power of two as many as of the next.
  size_t log_uniform(unsigned least_log2, unsigned most_log2) {
    const size_t floor = size_t{1} << between(least_log2, most_log2 - 1);
    return floor + below(floor);
  }

  // Of a hundred objects 80 are below 256 bytes, 15 below 2 KiB, 5 up to 32 KiB.
  size_t object_bytes() {
    const size_t draw = below(100);
    if (draw < 80) return between(16, 255);
    if (draw < 95) return between(256, 2047);
    return between(2048, 32 * 1024);
  }

 private:
  uint64_t state_;
};

}  // namespace workload
