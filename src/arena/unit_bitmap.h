// SPDX-License-Identifier: Apache-2.0
// Which units below the frontier are free: one bit a unit, 1 = free, with one summary bit for each word of 64.
//
//                  claim   release   handler on the same thread   child after fork
//   claim          yes     yes       yes                          bits of a claim cut short belong to nobody: heap/fork
//   release        yes     yes       yes
//
// Bits are the only truth; summary bits, hint and count are hints. A claim of several units takes its words in
// ascending order and gives back what it got if one bit is missing, so two claims that meet cannot both fail for ever:
// the one that is ahead in the address order keeps going (37).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace reslab {

class UnitBitmap {
 public:
  // `words` and `summary` are zero memory for a bit for each unit and one for each word; `base_unit` is the number that
  // unit 0 has in the whole address space: alignment counts from there.
  void init(std::atomic<uint64_t>* words, std::atomic<uint64_t>* summary, uint64_t base_unit) {
    words_ = words;
    summary_ = summary;
    base_unit_ = base_unit;
  }

  // The first unit from `unit` on whose address is a multiple of `align` units.
  uint64_t aligned(uint64_t unit, uint32_t align) const {
    return (base_unit_ + unit + align - 1) / align * align - base_unit_;
  }

  // How far a claim of several units looks: a call of bounded steps sees a part of a large heap, from the lowest free
  // units on.
  enum class Reach : uint8_t { kAll, kBounded };

  // First unit of `count` free ones, aligned to `align` units, all below `limit`; 0 if none is found or races are lost.
  uint32_t claim(uint32_t count, uint32_t align, uint32_t limit, Reach reach);

  // Claims exactly these units; false, and nothing is claimed, unless all are free.
  bool claim_exactly(uint32_t first, uint32_t count);

  void release(uint32_t first, uint32_t count);

  bool is_free(uint32_t unit) const {
    return (words_[unit / 64].load(std::memory_order_relaxed) >> (unit % 64) & 1) != 0;
  }
  uint64_t word(uint32_t index) const { return words_[index].load(std::memory_order_relaxed); }

  // Next run of free units at or after `from`, below `limit`; count 0 at the end. A look, not a claim.
  struct Run {
    uint32_t first;
    uint32_t count;
  };
  Run next_run(uint32_t from, uint32_t limit) const;
  // The last free units below `end`, above unit 0, that lie side by side, at most `most` of them; count 0 if there are
  // none.
  Run previous_run(uint32_t end, uint32_t most) const;

  // For a child after fork, while nobody but handlers of the caller's thread claims: units below `limit` as they are.
  void recount(uint32_t limit);

  int64_t free_units() const { return free_units_.load(std::memory_order_relaxed); }

 private:
  friend struct ImageWriter;  // tells readers outside where its parts are

  uint32_t claim_one(uint32_t limit);
  uint32_t claim_several(uint32_t count, uint32_t align, uint32_t from, uint32_t limit);
  void note_free(uint32_t word);
  void note_empty(uint32_t word);

  std::atomic<uint64_t>* words_;
  std::atomic<uint64_t>* summary_;
  uint64_t base_unit_;
  std::atomic<uint32_t> hint_{0};  // a summary word below which nothing free was seen lately
  std::atomic<int64_t> free_units_{0};
};

}  // namespace reslab
