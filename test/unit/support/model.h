// SPDX-License-Identifier: Apache-2.0
// A model of a heap: a table of objects with their sizes and patterns, shared by threads that take objects out of it,
// check them, free or reallocate them, and put others in. Whatever is in the table belongs to nobody else.
#pragma once

#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <atomic>
#include <cstring>
#include <random>
#include <vector>

#include "support/calls.h"
#include "support/ledger.h"

namespace unit {

// Small objects carry the pattern in every byte, larger ones at both ends and here and there.
class Pattern {
 public:
  Pattern(void* object, size_t bytes, uint64_t seed) : start_(static_cast<char*>(object)), bytes_(bytes), seed_(seed) {}

  void write() const {
    visit([this](char* at, size_t n) {
      for (size_t i = 0; i < n; ++i) at[i] = byte_at(static_cast<size_t>(at - start_) + i);
    });
  }
  // Of the first `bytes` bytes only, after a realloc.
  bool holds(size_t bytes) const {
    bool good = true;
    visit([&](const char* at, size_t n) {
      for (size_t i = 0; i < n && static_cast<size_t>(at - start_) + i < bytes; ++i) {
        good = good && at[i] == byte_at(static_cast<size_t>(at - start_) + i);
      }
    });
    return good;
  }

 private:
  static constexpr size_t kWhole = 2048;
  static constexpr size_t kPiece = 64;
  static constexpr size_t kStride = 12288;

  template <class Visit>
  void visit(Visit visit_piece) const {
    if (bytes_ <= kWhole) return visit_piece(start_, bytes_);
    for (size_t at = 0; at + kPiece < bytes_; at += kStride) visit_piece(start_ + at, kPiece);
    visit_piece(start_ + bytes_ - kPiece, kPiece);
  }
  char byte_at(size_t offset) const { return static_cast<char>((seed_ + offset) * 0x9e3779b97f4a7c15 >> 56); }

  char* start_;
  size_t bytes_;
  uint64_t seed_;
};

struct Object {
  void* address;
  size_t bytes;
  uint64_t seed;

  Pattern pattern() const { return {address, bytes, seed}; }
};

class Table {
 public:
  explicit Table(size_t places) : places_(places) {}

  size_t size() const { return places_.size(); }
  Object* exchange(size_t place, Object* object) { return places_[place].exchange(object); }

  // At rest.
  Holdings holdings() const {
    Holdings held;
    for (const auto& place : places_) {
      if (place != nullptr) held.add(place.load()->address);
    }
    return held;
  }

 private:
  std::vector<std::atomic<Object*>> places_;
};

// One thread's random operations.
class Player {
 public:
  Player(Table& table, uint64_t seed) : table_(table), random_(seed), seed_(seed << 32) {}

  void play(size_t rounds) {
    for (size_t round = 0; round < rounds && !testing::Test::HasFatalFailure(); ++round) {
      const size_t place = random_() % table_.size();
      Object* object = table_.exchange(place, nullptr);
      if (object == nullptr) object = allocate();
      else if (below(4) == 0) object = reallocate(object);
      else object = release(object);
      if (object != nullptr) release(table_.exchange(place, object));
      if (below(1 << 14) == 0) below(2) == 0 ? reslab_trim(below(64) << 20) : reslab_flush_deferred();
    }
  }

  void release_all() {
    for (size_t place = 0; place < table_.size(); ++place) release(table_.exchange(place, nullptr));
  }

  size_t nolock_tries() const { return nolock_tries_; }
  size_t nolock_failures() const { return nolock_failures_; }

 private:
  uint64_t below(uint64_t bound) { return random_() % bound; }

  // Mostly small, now and then a run, rarely a huge one.
  size_t random_size() {
    const uint64_t kind = below(1000);
    if (kind < 600) return below(257);
    if (kind < 850) return below(4097);
    if (kind < 950) return below(65537);
    if (kind < 995) return below((256 << 10) + 1);
    return below(2 << 20);
  }

  Object* own(void* address, size_t bytes) {
    Object* object = new Object{address, bytes, ++seed_};
    object->pattern().write();
    return object;
  }

  Object* allocate() {
    const uint64_t kind = below(10);
    if (kind == 0) return allocate_nolock(false);
    if (kind == 1) return allocate_nolock(true);
    const size_t bytes = random_size();
    if (kind == 2) return allocate_aligned(bytes);
    const AllocatingCall& call = kAllocatingCalls[below(4)];  // the plain ones
    void* address = call.allocate(bytes);
    EXPECT_NE(address, nullptr) << call.name << " " << bytes;
    EXPECT_EQ(reslab_usable_size(address), reslab_good_size(bytes)) << call.name;
    if (call.zeroed) expect_zero(address, bytes);
    return own(address, bytes);
  }

  Object* allocate_aligned(size_t bytes) {
    const size_t alignment = size_t{1} << below(18);
    void* address = opaque(reslab_aligned_alloc(alignment, bytes));
    EXPECT_NE(address, nullptr);
    EXPECT_TRUE(is_aligned(address, alignment));
    EXPECT_GE(reslab_usable_size(address), bytes);
    return own(address, bytes);
  }

  Object* allocate_nolock(bool aligned) {
    const size_t bytes = random_size();
    const size_t alignment = aligned ? size_t{1} << below(13) : 1;
    const auto flags = static_cast<unsigned>(below(8));  // every combination of ZERO, GROW and NORETRY
    void* address =
        opaque(aligned ? reslab_aligned_alloc_nolock(alignment, bytes, flags) : reslab_malloc_nolock(bytes, flags));
    if (bytes > RESLAB_NOLOCK_MAX) {
      EXPECT_EQ(address, nullptr);
      return nullptr;
    }
    ++nolock_tries_;
    nolock_failures_ += address == nullptr ? 1 : 0;
    if (address == nullptr) return nullptr;
    EXPECT_TRUE(is_aligned(address, alignment));
    EXPECT_GE(reslab_usable_size(address), reslab_good_size(bytes));
    if ((flags & RESLAB_ZERO) != 0) expect_zero(address, bytes);
    return own(address, bytes);
  }

  Object* reallocate(Object* object) {
    const size_t bytes = below(3) == 0 ? object->bytes + below(100000) : random_size();
    object->address = opaque(reslab_realloc(object->address, bytes));
    EXPECT_NE(object->address, nullptr);
    EXPECT_GE(reslab_usable_size(object->address), bytes);
    const size_t kept = bytes < object->bytes ? bytes : object->bytes;
    EXPECT_TRUE(object->pattern().holds(kept)) << "realloc from " << object->bytes << " to " << bytes;
    object->bytes = bytes;
    object->pattern().write();
    return object;
  }

  Object* release(Object* object) {
    if (object == nullptr) return nullptr;
    EXPECT_TRUE(object->pattern().holds(object->bytes)) << "an object of " << object->bytes << " bytes was overwritten";
    kFreeingCalls[below(std::size(kFreeingCalls))].free(object->address, object->bytes);
    delete object;
    return nullptr;
  }

  static void expect_zero(const void* address, size_t bytes) {
    const char* start = static_cast<const char*>(address);
    EXPECT_TRUE(bytes == 0 || (start[0] == 0 && memcmp(start, start + 1, bytes - 1) == 0)) << bytes << " bytes";
  }

  Table& table_;
  std::mt19937_64 random_;
  uint64_t seed_;
  size_t nolock_tries_ = 0;
  size_t nolock_failures_ = 0;
};

}  // namespace unit
