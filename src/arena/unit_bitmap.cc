// SPDX-License-Identifier: Apache-2.0
#include "arena/unit_bitmap.h"

#include "base/for_tries.h"
#include "base/hooks.h"

namespace reslab {
namespace {

constexpr int kRunTries = 16;  // runs that were free when seen and gone when claimed
constexpr uint32_t kUnitsOfSummary = 64 * 64;
constexpr uint32_t kBoundedUnits = 16 * kUnitsOfSummary;  // 4 GiB

// Bits [from, from + n) of a word; n in 1..64.
constexpr uint64_t mask_of(uint32_t from, uint32_t n) {
  return (n == 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1) << from;
}

// The part of [first, first + count) that lies in the word of `first`.
struct Piece {
  uint32_t word;
  uint64_t mask;
  uint32_t count;
};
Piece piece_of(uint32_t first, uint32_t count) {
  const uint32_t from = first % 64;
  const uint32_t n = count < 64 - from ? count : 64 - from;
  return {first / 64, mask_of(from, n), n};
}

}  // namespace

// Out of line, as it is in four places on ways that are seldom taken.
//
// seq_cst on words and summary: setter writes word then summary, clearer writes summary then reads the word again. In
// any total order one of them sees the other, so a free unit is never left without its summary bit.
[[gnu::noinline]] void UnitBitmap::note_free(uint32_t word) {
  const uint32_t index = word / 64;
  summary_[index].fetch_or(uint64_t{1} << (word % 64), std::memory_order_seq_cst);
  if (index < hint_.load(std::memory_order_relaxed)) hint_.store(index, std::memory_order_relaxed);
}

void UnitBitmap::note_empty(uint32_t word) {
  summary_[word / 64].fetch_and(~(uint64_t{1} << (word % 64)), std::memory_order_seq_cst);
  RESLAB_HOOK("unit_word_empty");
  if (words_[word].load(std::memory_order_seq_cst) != 0) note_free(word);
}

uint32_t UnitBitmap::claim(uint32_t count, uint32_t align, uint32_t limit, Reach reach) {
  if (free_units() < static_cast<int64_t>(count)) return 0;
  if (count == 1 && align == 1) return claim_one(limit);
  const uint32_t hint = reach == Reach::kAll ? 0 : hint_.load(std::memory_order_relaxed) * kUnitsOfSummary;
  const uint32_t from = hint > 1 ? hint : 1;
  const bool is_far = reach == Reach::kBounded && from < limit && limit - from > kBoundedUnits;
  return claim_several(count, align, from, is_far ? from + kBoundedUnits : limit);
}

uint32_t UnitBitmap::claim_one(uint32_t limit) {
  const uint32_t summaries = (limit / 64) / 64 + 1;
  const uint32_t hint = hint_.load(std::memory_order_relaxed);
  // Once from the hint, once from the start: the hint may have passed something freed meanwhile.
  for (uint32_t start = hint;; start = 0) {
    for (uint32_t s = start; s < summaries; ++s) {
      uint64_t words_with_free = summary_[s].load(std::memory_order_relaxed);
      for (; words_with_free != 0; words_with_free &= words_with_free - 1) {
        const uint32_t word = s * 64 + static_cast<uint32_t>(__builtin_ctzll(words_with_free));
        uint64_t free = words_[word].load(std::memory_order_relaxed);
        for ([[maybe_unused]] int round : for_tries(kRunTries)) {
          if (free == 0) break;
          const uint64_t bit = free & -free;
          RESLAB_HOOK("unit_claim");
          // seq_cst, see note_free; as acquire it pairs with the release of the unit: its pages' last stores are behind us.
          const uint64_t old = words_[word].fetch_and(~bit, std::memory_order_seq_cst);
          if ((old & bit) != 0) {
            free_units_.fetch_sub(1, std::memory_order_release);  // see Transit
            if ((old & ~bit) == 0) note_empty(word);
            hint_.store(s, std::memory_order_relaxed);
            return word * 64 + static_cast<uint32_t>(__builtin_ctzll(bit));
          }
          free = old;
        }
        if (free == 0) note_empty(word);
      }
    }
    if (start == 0) return 0;
  }
}

bool UnitBitmap::claim_exactly(uint32_t first, uint32_t count) {
  uint32_t got = 0;
  while (got < count) {
    const Piece piece = piece_of(first + got, count - got);
    RESLAB_HOOK("unit_claim_run");
    const uint64_t old = words_[piece.word].fetch_and(~piece.mask, std::memory_order_seq_cst);
    if ((old & piece.mask) != piece.mask) {
      RESLAB_HOOK("unit_rollback");
      // Give back what this word had and all before it.
      if ((old & piece.mask) != 0) {
        words_[piece.word].fetch_or(old & piece.mask, std::memory_order_seq_cst);
        note_free(piece.word);
      }
      if (got != 0) {
        free_units_.fetch_sub(got, std::memory_order_relaxed);  // release() adds it again
        release(first, got);
      }
      return false;
    }
    if ((old & ~piece.mask) == 0) note_empty(piece.word);
    got += piece.count;
  }
  free_units_.fetch_sub(count, std::memory_order_release);  // for arena/transit.h
  return true;
}

UnitBitmap::Run UnitBitmap::next_run(uint32_t from, uint32_t limit) const {
  uint32_t unit = from;
  while (unit < limit) {  // ends: `unit` grows with every round
    const uint64_t free = word(unit / 64) >> (unit % 64);
    if (free == 0) {
      unit = (unit / 64 + 1) * 64;
      continue;
    }
    const uint32_t first = unit + static_cast<uint32_t>(__builtin_ctzll(free));
    uint32_t end = first;
    while (end < limit) {
      const uint64_t used = ~(word(end / 64) >> (end % 64));
      const uint32_t here = used == 0 ? 64 : static_cast<uint32_t>(__builtin_ctzll(used));
      const uint32_t room = 64 - end % 64;
      end += here < room ? here : room;
      if (here < room) break;
    }
    if (first >= limit) break;
    return {first, (end < limit ? end : limit) - first};
  }
  return {limit, 0};
}

UnitBitmap::Run UnitBitmap::previous_run(uint32_t end, uint32_t most) const {
  while (end > 1) {  // ends: `end` falls with every round
    const uint32_t last = end - 1;
    const uint64_t free = word(last / 64) << (63 - last % 64);  // the unit below `end` in the top bit
    if (free == 0) {
      end = last / 64 * 64;
      continue;
    }
    end -= static_cast<uint32_t>(__builtin_clzll(free));
    uint32_t first = end - 1;
    while (first > 1 && end - first < most && is_free(first - 1)) --first;
    return {first, end - first};
  }
  return {0, 0};
}

uint32_t UnitBitmap::claim_several(uint32_t count, uint32_t align, uint32_t from, uint32_t limit) {
  for ([[maybe_unused]] int round : for_tries(kRunTries)) {
    for (;;) {  // ends: next_run moves `from` towards `limit`
      const Run run = next_run(from, limit);
      if (run.count == 0) return 0;
      const uint64_t first = aligned(run.first, align);
      from = run.first + run.count;
      if (first + count <= from) {
        if (claim_exactly(static_cast<uint32_t>(first), count)) return static_cast<uint32_t>(first);
        from = run.first + 1;
        break;
      }
    }
  }
  return 0;
}

void UnitBitmap::recount(uint32_t limit) {
  int64_t counted = free_units();
  int64_t free = 0;
  for (uint32_t index = 0; index <= limit / 64; ++index) {
    free += __builtin_popcountll(word(index));
    if (word(index) != 0) note_free(index);
  }
  // Failure: a handler has claimed meanwhile, and the count stays as it is.
  free_units_.compare_exchange_strong(counted, free, std::memory_order_relaxed);
}

void UnitBitmap::release(uint32_t first, uint32_t count) {
  // Before the bits: a claim that finds the count too small does not look for them.
  free_units_.fetch_add(count, std::memory_order_relaxed);
  uint32_t done = 0;
  while (done < count) {
    const Piece piece = piece_of(first + done, count - done);
    // seq_cst, see note_free; as release: the claimant's stores into the units' pages and descriptors are before this.
    words_[piece.word].fetch_or(piece.mask, std::memory_order_seq_cst);
    RESLAB_HOOK("unit_freed");
    note_free(piece.word);
    done += piece.count;
  }
}

}  // namespace reslab
