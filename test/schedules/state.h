// SPDX-License-Identifier: Apache-2.0
// Numbers for the states of a case, so that two schedules which have come to the same one are played on once.
//
// A state is all that decides what can follow: the program's data with the library's root and all globals of the case
// in it, what the library has mapped, with the pages that are there, and where each thread stands: its registers, the
// part of its stack that is in use, and what it has thread-locally. What only the player knows, and libc with its
// thread numbers, is left out. Two orders of steps that touch different words end in the same state, and so do those
// that cancel each other. Two states with one number would be a schedule that is not played: a million states have
// one such pair in thirty million runs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace schedules {

// Where a thread stands at a stop; from `from` to `to` lies what it needs of its stack.
struct Stand {
  uint64_t registers[6];
  const char* from;
  const char* to;
  const char* thread_pointer;
  bool is_scripted;  // its rseq area is the test's, not the kernel's
};

// Before the library's first call: what is mapped by then is none of its memory.
void note_foreign_memory();
void exclude_from_states(const void* start, size_t bytes);

// In the child that plays.
void open_states();
uint64_t hash_of_memory();
uint64_t hash_of_stand(const Stand& stand);
uint64_t mix(uint64_t hash, uint64_t word);

// What has been seen, in memory that the explorer shares with those that play.
class StateSet {
 public:
  static StateSet* make();
  static void destroy(StateSet* set);
  // False: it was there, or there is no room (see is_full).
  bool add(uint64_t state);
  void clear();
  bool is_full() const { return count_ > kSlots / 4 * 3; }
  uint64_t count() const { return count_; }

 private:
  static constexpr uint64_t kSlots = uint64_t{1} << 23;
  uint64_t count_;
  uint64_t slots_[kSlots];
};

}  // namespace schedules
