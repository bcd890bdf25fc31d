// SPDX-License-Identifier: Apache-2.0
// A live object of the storm, and the pattern that it carries while it is live.
//
// The pattern is drawn from the object's address, its size and a seed of its own, so that the content of a neighbour, of
// an earlier owner or of a second owner does not pass for it. An object is scrubbed before it is freed: whoever else
// believes to own it finds no pattern any more.
//
// An object travels as one 64-bit handle, which slots hand over by a single exchange:
//
//     63            21 20           8 7      0
//     address / 16     size code      seed            (0: no object)
//
// A size has a code when it is at most 4 KiB or a multiple of 256 bytes: see codable().
#pragma once

#include <cstdint>
#include <cstring>

#include "failure.h"

namespace storm {

class Object {
 public:
  static constexpr size_t kLargest = 4096 + (8191 - 4096) * 256;

  // The next size not below `bytes` that a handle can hold.
  static constexpr size_t codable(size_t bytes) {
    return bytes <= kExact ? bytes : (bytes + kStep - 1) / kStep * kStep;
  }

  Object(void* address, size_t bytes, uint8_t seed)
      : address_(static_cast<char*>(address)), bytes_(bytes), seed_(seed) {}

  static Object from_handle(uint64_t handle) {
    const size_t code = handle >> kSeedBits & 0x1fff;
    return {reinterpret_cast<void*>(handle >> (kSeedBits + kSizeBits) << 4),
            code <= kExact ? code : kExact + (code - kExact) * kStep, static_cast<uint8_t>(handle)};
  }

  uint64_t handle() const {
    const uint64_t code = bytes_ <= kExact ? bytes_ : kExact + (bytes_ - kExact) / kStep;
    return (reinterpret_cast<uint64_t>(address_) >> 4) << (kSeedBits + kSizeBits) | code << kSeedBits | seed_;
  }

  void* address() const { return address_; }
  size_t bytes() const { return bytes_; }

  void fill() const {
    for_samples(bytes_, [&](size_t offset, size_t width) { store(address_ + offset, word_at(offset), width); });
  }

  void check(const char* when) const { check_at(address_, bytes_, when); }

  // Checks what a move to `where` kept: the pattern is still that of the old address, as far as `kept` bytes go.
  void check_at(const char* where, size_t kept, const char* when) const {
    for_samples(bytes_, [&](size_t offset, size_t width) {
      if (offset + width > kept) return;
      if (load(where + offset, width) != (word_at(offset) & low_bytes(width))) report(where, offset, width, when);
    });
  }

  void scrub() const { store(address_, ~word_at(0), bytes_ < 8 ? bytes_ : 8); }

 private:
  static constexpr size_t kExact = 4096, kStep = 256;
  static constexpr unsigned kSeedBits = 8, kSizeBits = 13;
  static constexpr size_t kEdge = 64, kStride = 512;

  static uint64_t low_bytes(size_t count) { return count == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * count)) - 1; }

  // Whole words are by far the most frequent, and become one instruction.
  static void store(char* where, uint64_t word, size_t width) {
    if (width == 8) {
      __builtin_memcpy(where, &word, 8);
    } else {
      memcpy(where, &word, width);
    }
  }

  static uint64_t load(const char* where, size_t width) {
    uint64_t word = 0;
    if (width == 8) {
      __builtin_memcpy(&word, where, 8);
    } else {
      memcpy(&word, where, width);
    }
    return word;
  }

  uint64_t word_at(size_t offset) const {
    const uint64_t key =
        reinterpret_cast<uint64_t>(address_) + offset + (uint64_t{bytes_} << 48) + (uint64_t{seed_} << 40);
    return (key ^ key >> 29) * 0x9E3779B97F4A7C15u;
  }

  // The whole of a small object; of a larger one both edges, where neighbours reach in, and a word now and then, so that
  // the test spends its time in the allocator and not here.
  template <typename Visit>
  static void for_samples(size_t bytes, Visit visit) {
    const size_t whole_words = bytes / 8 * 8;
    const size_t head = whole_words < kEdge ? whole_words : kEdge;
    for (size_t offset = 0; offset < head; offset += 8) visit(offset, 8);
    for (size_t offset = kStride; offset + 16 <= whole_words; offset += kStride) visit(offset, 8);
    if (whole_words > kEdge) visit(whole_words - 8, 8);
    if (bytes > whole_words) visit(whole_words, bytes - whole_words);
  }

  [[noreturn, gnu::noinline]] void report(const char* where, size_t offset, size_t width, const char* when) const {
    support::fail("%s: object %p of %zu bytes, seed %u: pattern broken at offset %zu: found %#llx, expected %#llx",
                  when, static_cast<void*>(address_), bytes_, unsigned{seed_}, offset,
                  static_cast<unsigned long long>(load(where + offset, width)),
                  static_cast<unsigned long long>(word_at(offset) & low_bytes(width)));
  }

  char* address_;
  size_t bytes_;
  uint8_t seed_;
};

}  // namespace storm
