// SPDX-License-Identifier: Apache-2.0
// What goes back to the system: the pages of free dirty units, bounded by amount (29), and commit charge.
#include "arena/arena.h"
#include "base/counters.h"
#include "base/for_tries.h"
#include "base/hooks.h"
#include "base/options.h"
#include "platform/vm.h"

namespace reslab {
namespace {

constexpr uint32_t kPurgeBatchUnits = 64;  // claimed at a time while purging: what a thread that never returns keeps

// So many dirty units, or as many as a limit of the options (0: there is none) leaves beside those in use.
int64_t below_limit(uint64_t limit_bytes, int64_t in_use, int64_t units) {
  if (__builtin_expect(limit_bytes == 0, 1)) return units;
  const int64_t left = static_cast<int64_t>(limit_bytes >> kUnitShift) - in_use;
  return left < units ? (left > 0 ? left : 0) : units;
}

}  // namespace

// How many of the last units below `end`, none below `first`, are known to be zero, or are not.
uint32_t Arena::tail(uint32_t first, uint32_t end, bool zero) const {
  uint32_t unit = end;
  while (unit > first && bit_is_zero(unit - 1) == zero) --unit;
  return end - unit;
}

size_t Arena::purge(size_t keep_bytes) {
  release_kept();
  const auto keep_units = static_cast<int64_t>(keep_bytes >> kUnitShift);
  size_t purged = 0;
  uint32_t end = frontier();
  while (dirty_units() > keep_units) {  // ends: `end` falls with every round
    const UnitBitmap::Run run = free_.previous_run(end, kPurgeBatchUnits);
    if (run.count == 0) break;
    end = run.first + run.count;
    end -= tail(run.first, end, true);
    const uint32_t dirty = tail(run.first, end, false);
    end -= dirty;
    if (dirty != 0) purged += purge_run(end, dirty);
  }
  counters.add(Counter::kPurgedBytes, purged);
  return purged;
}

// What is in transit is looked at on both sides, so that a purge which begins or ends in between makes it less, never more.
int64_t Arena::units_taken() const {
  const int64_t before = in_transit_.load(std::memory_order_seq_cst);
  const int64_t in_use = units_in_use() - tail_of(retired_.load(std::memory_order_seq_cst)).count;
  const int64_t after = in_transit_.load(std::memory_order_seq_cst);
  return in_use - (before > after ? before : after);
}

// Bytes that the kernel took.
size_t Arena::purge_run(uint32_t first, uint32_t count) {
  if (!claim_for_transit(first, count)) return 0;
  take_zero_bits(first, count);
  RESLAB_HOOK("purge");
  // The zero bit is set only for pages the kernel really took (37).
  const size_t bytes = size_t{count} << kUnitShift;
  const bool gone = vm_discard(address(first), bytes);
  set_free(first, count, gone ? Content::kZero : Content::kDirty);
  in_transit_.fetch_sub(count, std::memory_order_seq_cst);
  return gone ? bytes : 0;
}

// Free units for a moment, to be free again behind it. seq_cst: against units_taken.
bool Arena::claim_for_transit(uint32_t first, uint32_t count) {
  in_transit_.fetch_add(count, std::memory_order_seq_cst);
  if (free_.claim_exactly(first, count)) return true;
  in_transit_.fetch_sub(count, std::memory_order_seq_cst);
  return false;
}

int64_t Arena::dirty_base(int64_t live) const {
  const auto least = static_cast<int64_t>(options().dirty_min >> kUnitShift);
  const int64_t share = live * static_cast<int64_t>(options().dirty_percent) / 100;
  return least > share ? least : share;
}

// In a heap that would have `in_use` units in use.
int64_t Arena::dirty_bound(int64_t live, int64_t in_use) const {
  const int64_t base = dirty_base(live);
  const int64_t most = options().dirty_recent ? bound_.units(live, base, options().dirty_cycles) : base;
  return below_limit(options().soft_limit, in_use, below_limit(options().hard_limit, in_use, most));
}

void Arena::purge_above_bound(int64_t idle_units) {
  const int64_t dirty = dirty_units() - purge_floor_.load(std::memory_order_relaxed);
  const int64_t in_use = units_in_use();
  const int64_t live = in_use - idle_units;
  const int64_t bound = dirty_bound(live, in_use);
  if (dirty <= bound) return;
  bound_.note_purge(in_use);  // as releases count it: a fall is one that releases can rise from
  // Below the bound by some, so that not every free after this one purges.
  purge_to(bound - dirty_base(live) / 2);
}

void Arena::purge_above_limit(int64_t limit) {
  const int64_t taken = units_taken();
  if (taken + dirty_units() - purge_floor_.load(std::memory_order_relaxed) <= limit) return;
  purge_to((limit - taken) / 8 * 7);  // by some, so that not every claim after this one purges
}

void Arena::purge_to(int64_t keep_units) {
  const int64_t keep = keep_units > 0 ? keep_units : 0;
  purge(static_cast<size_t>(keep) << kUnitShift);
  // What would not go (mlockall) is not tried again at every free.
  const int64_t left = dirty_units() - keep;
  purge_floor_.store(left > 0 ? left : 0, std::memory_order_relaxed);
}

// --- retired tail: neither DONTNEED nor PROT_NONE gives commit charge back, only a new mapping does (38) -----------

size_t Arena::retire_tail() {
  uint64_t word = retired_.load(std::memory_order_relaxed);
  if (tail_of(word).count != 0) return 0;  // one at a time
  const uint32_t end = frontier();
  uint32_t first = end;
  while (first > 1 && free_.is_free(first - 1)) --first;
  const uint32_t count = end - first;
  if (count == 0 || !claim_for_transit(first, count)) return 0;
  take_zero_bits(first, count);
  const size_t bytes = size_t{count} << kUnitShift;
  RESLAB_HOOK("retire_tail");
  // The units stay claimed, so nobody meets them while they are read-only.
  const bool retired =
      vm_retire(address(first), bytes) &&
      retired_.compare_exchange_strong(word, next_tail(word, {first, count}), std::memory_order_acq_rel);
  // Refused, or another tail was retired meanwhile. What cannot be made writable again stays claimed.
  if (!retired && vm_make_writable(address(first), bytes)) release(first, count, Content::kDirty);
  in_transit_.fetch_sub(count, std::memory_order_seq_cst);
  return retired ? bytes : 0;
}

// Writable first: the word is not taken by a call that cannot use the tail, or dies. Making writable twice does no
// harm, and whoever is late by a whole retirement finds the changes counted.
bool Arena::revive_tail() {
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    uint64_t word = retired_.load(std::memory_order_acquire);
    const Tail tail = tail_of(word);
    if (tail.count == 0) return round < kCasTries;  // another call has just released it, or there is none
    RESLAB_HOOK("revive_tail");
    if (!vm_make_writable(address(tail.first), size_t{tail.count} << kUnitShift)) return false;
    RESLAB_HOOK("tail_writable");
    in_transit_.fetch_add(tail.count, std::memory_order_seq_cst);
    const bool revived = retired_.compare_exchange_strong(word, next_tail(word, {0, 0}), std::memory_order_acq_rel);
    if (revived) {
      advise(tail.first, tail.count);
      release(tail.first, tail.count, Content::kZero);
    }
    in_transit_.fetch_sub(tail.count, std::memory_order_seq_cst);
    if (revived) return true;
  }
  return true;  // so often retired and revived: free units may be there
}

}  // namespace reslab
