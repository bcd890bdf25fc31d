// SPDX-License-Identifier: Apache-2.0
// The random operations of the storm, for interrupted code and handlers alike.
//
// Objects lie in slots, some for each thread. Every step exchanges a slot's content by one atomic instruction, so a
// handler, the code that it interrupted and the other threads allocate and free each other's objects without ever
// waiting. Whoever has a handle in hand owns the object alone, and checks its pattern before it frees it.
#pragma once

#include <atomic>
#include <cstdint>

#include "object.h"
#include "random.h"

namespace storm {

inline constexpr size_t kMaxWorkers = 8;

// What all threads and their handlers did.
struct Tally {
  std::atomic<uint64_t> signals{0};        // handlers that ran
  std::atomic<uint64_t> inside{0};         // of these, that interrupted the library
  std::atomic<uint64_t> nested{0};         // of these, that interrupted another handler
  std::atomic<uint64_t> nolock_tried{0};   // nolock allocations
  std::atomic<uint64_t> nolock_failed{0};  // of these, that returned NULL
  std::atomic<uint64_t> rounds{0};         // of the interrupted code

  static void count(std::atomic<uint64_t>& which) { which.fetch_add(1, std::memory_order_relaxed); }
};

// Allocates an object by a function drawn at random, filled with its pattern. Fails the test on NULL.
Object allocate_plain(support::Random& random);

// Checks, scrubs and frees an object, by a function drawn at random; fails the test when errno changes.
void release(const Object& object, support::Random& random);

class Slots {
 public:
  // One random operation, by plain functions only: allocate into a slot, empty one, resize what is in one.
  void plain_step(size_t self, support::Random& random);

  // The same, by plain and nolock functions.
  void mixed_step(size_t self, support::Random& random, Tally& tally);

  // Leaves `object` in a slot of any thread and frees what was there.
  void leave(size_t self, const Object& object, support::Random& random);

  // What all objects in slots occupy, by malloc_usable_size. Nobody may be at work.
  uint64_t usable_bytes() const;

  void release_all(support::Random& random);

 private:
  static constexpr size_t kSlotsEach = 512;

  std::atomic<uint64_t>& pick(size_t self, support::Random& random);
  void take_and_release(size_t self, support::Random& random);
  void take_and_resize(size_t self, support::Random& random);

  std::atomic<uint64_t> slots_[kMaxWorkers][kSlotsEach] = {};
};

}  // namespace storm
