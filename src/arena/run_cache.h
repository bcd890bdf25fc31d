// SPDX-License-Identifier: Apache-2.0
// Whole runs that were freed, kept as they are for whoever wants one of the same length next: neither their bits nor their
// zero bits are touched. A word {first unit, length} for each, and the word is the ownership: whoever changes it from
// that to 0 has the run.
//
//                  put   take   drain   handler on the same thread   child after fork
//   put            yes   yes    yes     yes                          whole, or forgotten before its units are settled
//   take, drain    yes   yes    yes     yes                          (heap/fork); one in transit likewise
//
// A word that was seen, taken and put again meanwhile says the truth again: there is nothing to be deceived about.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/hooks.h"

namespace reslab {

class RunCache {
 public:
  struct Entry {
    uint32_t first;  // 0: none
    uint32_t count;
  };

  static constexpr uint32_t kLongest = 1024;  // units; so that emptying the cache takes few steps

  // False: no place, or lost to another put; the run is still the caller's.
  bool put(Entry run) {
    for (std::atomic<uint64_t>& place : places_) {
      if (place.load(std::memory_order_relaxed) != 0) continue;
      uint64_t none = 0;
      RESLAB_HOOK("run_put");
      // release: the former user's stores are before the next one's.
      return place.compare_exchange_strong(none, word_of(run), std::memory_order_release);
    }
    return false;
  }

  // One of exactly `count` units for which suits(first); none if there is none, or it was lost to another call.
  template <class Suits>
  Entry take(uint32_t count, Suits suits) {
    for (std::atomic<uint64_t>& place : places_) {
      uint64_t word = place.load(std::memory_order_relaxed);
      const Entry entry = entry_of(word);
      if (entry.count != count || !suits(entry.first)) continue;
      RESLAB_HOOK("run_take");
      if (place.compare_exchange_strong(word, 0, std::memory_order_acquire)) return entry;
    }
    return {0, 0};
  }

  // Calls visit(entry, take) for each; it is the caller's when take() says so.
  template <class Visit>
  void drain(Visit visit) {
    for (std::atomic<uint64_t>& place : places_) {
      uint64_t word = place.load(std::memory_order_relaxed);
      if (word == 0) continue;
      // release: see Transit.
      visit(entry_of(word), [&] { return place.compare_exchange_strong(word, 0, std::memory_order_acq_rel); });
    }
  }

  template <class Visit>
  void for_each(Visit visit) const {
    for (const std::atomic<uint64_t>& place : places_) {
      const Entry entry = entry_of(place.load(std::memory_order_relaxed));
      if (entry.first != 0) visit(entry);
    }
  }

  // For a child after fork: their units are found as nobody's.
  void forget() {
    for (std::atomic<uint64_t>& place : places_) place.store(0, std::memory_order_relaxed);
  }

  // Units in it. Summed up each time, from two lines: a count beside the words would be wrong for as long as whoever has
  // changed one stands still before he counts, and what it hid would not be given back before a claim fails.
  uint32_t units() const;

 private:
  friend struct ImageWriter;  // tells readers outside where its parts are

  static constexpr uint32_t kPlaces = 16;

  static constexpr uint64_t word_of(Entry run) { return uint64_t{run.count} << 32 | run.first; }
  static constexpr Entry entry_of(uint64_t word) {
    return {static_cast<uint32_t>(word), static_cast<uint32_t>(word >> 32)};
  }

  std::atomic<uint64_t> places_[kPlaces];
};

}  // namespace reslab
