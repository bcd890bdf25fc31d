// Marsaglia's xorshift64*: one word of state, so that an interruption by a handler that draws from the same generator
// costs at most a number drawn twice.
#pragma once

#include <cstddef>
#include <cstdint>

namespace storm {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 2 + 1) {}

  uint64_t next() {
    uint64_t x = state_;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    state_ = x;
    return x * 0x2545F4914F6CDD1Du;
  }

  // Uniform in [0, limit).
  size_t below(size_t limit) { return static_cast<size_t>(((next() >> 32) * limit) >> 32); }

  bool one_in(size_t n) { return below(n) == 0; }

  // 1 byte to 300 KiB, most of them small: each step up is several times as rare as the one below it.
  size_t object_bytes() {
    static constexpr struct {
      size_t permille, smallest, largest;
    } kShare[] = {
        {700, 1, 128}, {220, 129, 1024}, {60, 1025, 8192}, {16, 8193, 64 << 10}, {4, (64 << 10) + 1, 300 << 10}};
    size_t draw = below(1000);
    for (const auto& share : kShare) {
      if (draw < share.permille) return share.smallest + below(share.largest - share.smallest + 1);
      draw -= share.permille;
    }
    return 1;
  }

 private:
  uint64_t state_;
};

}  // namespace storm
