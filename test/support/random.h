// SPDX-License-Identifier: Apache-2.0
// splitmix64: any seed will do, and its state is one word, so that a draw by a handler that has interrupted another from
// the same generator costs at most a number drawn twice.
#pragma once

#include <cstddef>
#include <cstdint>

namespace support {

class Random {
 public:
  constexpr explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t x = state_;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
  }

  // Uniform in [0, limit); `limit` is at most 2^32.
  size_t below(size_t limit) { return static_cast<size_t>(((next() >> 32) * limit) >> 32); }

  bool one_in(size_t n) { return below(n) == 0; }

 private:
  uint64_t state_;
};

}  // namespace support
