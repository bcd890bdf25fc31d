// SPDX-License-Identifier: Apache-2.0
// Frees many objects that are given as bits of their slabs: into blocks for the depot while their class is worth caching,
// to the bitmaps otherwise, and those of typed caches always, a word at a time. One thread at a time.
//
// In hand is at most one block for each class, found by a child after fork like any other (cache/block.h).
#pragma once

#include <cstdint>

#include "slab/size_classes.h"

namespace reslab {

class BulkFree {
 public:
  // The objects `bits` of word `word` of a slab, which are out and are nobody's.
  void add(uint32_t unit, ClassId cls, uint32_t word, uint64_t bits);
  // Nothing is in hand any more. What `bytes` freed at once take out of circulation comes back at the same rate, so the
  // depot may hold some of it beyond its bound until settle().
  void finish(uint64_t bytes);
  // From time to time: empty slabs, and memory above the bounds, are given back. Not with each batch, since the next one
  // wants them again. `idle`: nothing more comes, and the depot shrinks to its bound.
  enum class Flow : uint8_t { kSteady, kIdle };
  void settle(Flow flow);
  // For a child after fork: what was in hand has been recovered.
  void forget() { *this = BulkFree(); }

 private:
  void see(ClassId cls) { seen_[cls / 64] |= uint64_t{1} << (cls % 64); }
  static uint64_t fill(uint32_t block, char* first, size_t each, uint64_t bits);

  uint32_t open_[kMallocClasses] = {};    // block of the class, or 0
  uint64_t seen_[kMaxClasses / 64] = {};  // classes that got anything since the last settle, a bit for each
};

}  // namespace reslab
