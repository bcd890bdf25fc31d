// SPDX-License-Identifier: Apache-2.0
// Random numbers for sampling and placement; not for secrets. Any thread draws from a counter at any time, in handlers as
// well, and waits for nobody.
#pragma once

#include <atomic>
#include <cstdint>

namespace reslab {

// SplitMix64 (Steele, Lea and Flood, 2014): a counter and a mix.
inline constexpr uint64_t kRandomStep = 0x9e3779b97f4a7c15;

constexpr uint64_t mix_bits(uint64_t bits) {
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
  return bits ^ bits >> 31;
}

// relaxed: no two draws see the same count, and no more is wanted.
inline uint64_t draw_bits(std::atomic<uint64_t>& counter) {
  return mix_bits(counter.fetch_add(kRandomStep, std::memory_order_relaxed));
}

// A number below `bound`, which is small beside 2^32.
constexpr uint32_t below(uint32_t bound, uint64_t bits) { return static_cast<uint32_t>((bits >> 32) * bound >> 32); }

}  // namespace reslab
