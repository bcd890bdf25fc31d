// SPDX-License-Identifier: Apache-2.0
// What the storm's objects hold, so that a broken allocator is seen: their length and a stamp drawn from their address
// at the front, the stamp's low byte at the end. And the numbers they are drawn by.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Marsaglia's xorshift64*: one word, so that a handler may interrupt a draw from another generator at any instruction.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u | 1) {}

  uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1Du;
  }

  size_t below(size_t limit) { return static_cast<size_t>(((next() >> 32) * limit) >> 32); }

  // 24 bytes to 32 KiB: of each power of two as many as of the next, twice as many of the small ones.
  size_t object_bytes() {
    const size_t shift = below(2) == 0 ? below(4) : below(11);
    return (size_t{16} << shift) + below(size_t{16} << shift) + 8;
  }

 private:
  uint64_t state_;
};

class Object {
 public:
  void fill(size_t bytes) {
    bytes_ = bytes;
    stamp_ = stamp();
    *last() = static_cast<unsigned char>(stamp_);
  }

  // The length first: a wrong one would lead out of the object.
  bool is_intact() const { return stamp_ == stamp() && *last() == static_cast<unsigned char>(stamp_); }

  // Whoever believes to own it as well finds no stamp any more.
  void scrub() { stamp_ = 0; }

 private:
  uint64_t stamp() const { return (reinterpret_cast<uint64_t>(this) ^ bytes_ << 48) * 0x9E3779B97F4A7C15u | 1; }
  unsigned char* last() { return reinterpret_cast<unsigned char*>(this) + bytes_ - 1; }
  const unsigned char* last() const { return const_cast<Object*>(this)->last(); }

  uint64_t bytes_;
  uint64_t stamp_;
};

static_assert(sizeof(Object) < 24, "the smallest object has room for both words and the last byte");
