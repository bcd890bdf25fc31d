// SPDX-License-Identifier: Apache-2.0
#include "arena/holes.h"

namespace reslab {

bool Holes::add(Hole hole) {
  units_.fetch_add(hole.count, std::memory_order_relaxed);
  for (std::atomic<uint64_t>& word : words_) {
    uint64_t none = 0;
    // relaxed: what makes it a hole releases it, the frontier's move or the unit map's entry (Arena::leave_as_hole).
    if (word.compare_exchange_strong(none, word_of(hole), std::memory_order_relaxed)) return true;
  }
  units_.fetch_sub(hole.count, std::memory_order_relaxed);
  return false;
}

// acquire: what becomes of the units comes behind whatever was done with them before.
bool Holes::take(Hole hole) {
  for (std::atomic<uint64_t>& word : words_) {
    uint64_t mine = word_of(hole);
    if (!word.compare_exchange_strong(mine, 0, std::memory_order_acquire, std::memory_order_relaxed)) continue;
    units_.fetch_sub(hole.count, std::memory_order_release);  // see Transit
    return true;
  }
  return false;
}

bool Holes::contains(uint32_t unit) const {
  bool found = false;
  for_each([&](Hole hole) { found |= unit - hole.first < hole.count; });
  return found;
}

uint32_t Holes::ending_at(uint32_t unit) const {
  uint32_t units = 0;
  for_each([&](Hole hole) { units = hole.first + hole.count == unit ? hole.count : units; });
  return units;
}

uint32_t Holes::units_below(uint32_t end) const {
  uint32_t units = 0;
  for_each([&](Hole hole) { units += hole.first + hole.count <= end ? hole.count : 0; });
  return units;
}

}  // namespace reslab
