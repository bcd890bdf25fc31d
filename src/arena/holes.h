// SPDX-License-Identifier: Apache-2.0
// Runs of units inside the window that the arena has passed over, because another mapping was in the way when it grew, or
// has lost, where pages were to be moved to and another thread's mapping came first (arena/arena.h). They lie below the
// frontier and are nobody's: not ours to touch, never free, not described, until their place is found empty and they are
// filled. A word {first unit, length} for each; whoever takes it away owns what becomes of it.
//
//                    add   take   handler on the same thread   child after fork
//   add, take        yes   yes    yes                          a hole that was added and not passed yet stays: it hides
//   contains, ...    yes   yes    yes                          units in transit there, and its length is taken off the
//                                                              units in use as long as it stays
#pragma once

#include <atomic>
#include <cstdint>

namespace reslab {

class Holes {
 public:
  struct Hole {
    uint32_t first;
    uint32_t count;
  };

  // False: there is no place for another.
  bool add(Hole hole);
  // False: it is not there any more.
  bool take(Hole hole);

  bool contains(uint32_t unit) const;
  // Units of the hole that ends right before `unit`; 0: none does.
  uint32_t ending_at(uint32_t unit) const;
  // Of all holes, for estimates: one that is being added or taken counts.
  uint32_t units() const { return units_.load(std::memory_order_relaxed); }
  bool is_any() const { return units() != 0; }
  uint32_t units_below(uint32_t end) const;

  // relaxed: who meets a unit of a hole has read the frontier, which was moved after the word was written.
  template <class Visit>
  void for_each(Visit visit) const {
    if (!is_any()) return;
    for (const std::atomic<uint64_t>& place : words_) {
      const uint64_t word = place.load(std::memory_order_relaxed);
      if (word != 0) visit(Hole{static_cast<uint32_t>(word), static_cast<uint32_t>(word >> 32)});
    }
  }

 private:
  friend struct ImageWriter;  // tells readers outside where its parts are

  static constexpr uint32_t kPlaces = 64;

  static constexpr uint64_t word_of(Hole hole) { return uint64_t{hole.count} << 32 | hole.first; }

  std::atomic<uint64_t> words_[kPlaces];
  std::atomic<uint32_t> units_;  // no fewer than are in the words
};

}  // namespace reslab
