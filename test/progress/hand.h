// SPDX-License-Identifier: Apache-2.0
// The objects of a thread that is going to be stopped, each with a stamp in it. An operation takes an object out of the
// hand before it frees it and puts one in after it has been allocated: what is in the hand is whole at any instruction.
#pragma once

#include <cstddef>
#include <cstdint>

namespace progress {

// Of a class that no structure of libc's for a thread's start falls into.
inline constexpr size_t kBytes = 192;
inline constexpr size_t kRunBytes = 300'000;  // larger than the largest class

class Hand {
 public:
  void add(void* object, size_t bytes);
  void* take_last();
  void fill(size_t count, size_t bytes = kBytes);
  void free_last(size_t count);
  // All but one in `keep`, in the order of allocation.
  void thin(size_t keep);
  void free_all() { free_last(count_); }

  // Fails unless every object still carries its stamp.
  void check() const;

  size_t count() const { return count_; }

 private:
  struct Held {
    void* object;
    size_t bytes;
  };
  static constexpr size_t kMost = 20'000;

  Held objects_[kMost];
  size_t count_ = 0;
};

// Whether a stamp at `where` is that of an object which was at `stamped_at`.
bool carries_stamp(const void* where, const void* stamped_at);

}  // namespace progress
