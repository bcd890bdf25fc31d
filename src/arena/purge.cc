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

// The lower of the limits that the options set, in bytes; 0: there is none.
uint64_t lower_limit() {
  const uint64_t soft = options().soft_limit, hard = options().hard_limit;
  return soft == 0 || (hard != 0 && hard < soft) ? hard : soft;
}

}  // namespace

int64_t Arena::units_taken() const {
  return transit_.left_out_of([this] { return units_in_use(); });
}

// How many of the last units below `end`, none below `first`, are known to be zero, or are not.
uint32_t Arena::tail(uint32_t first, uint32_t end, bool zero) const {
  uint32_t unit = end;
  while (unit > first && bit_is_zero(unit - 1) == zero) --unit;
  return end - unit;
}

size_t Arena::purge(size_t keep_bytes) {
  return purge_down(static_cast<int64_t>(keep_bytes >> kUnitShift), Last::kInPart);
}

// What would not go (mlockall) is tried again by each call that asks for it; by those that only keep a bound when some of it
// has been in use since.
size_t Arena::purge_down(int64_t keep_units, Last last) {
  int64_t refused_units = 0;
  release_kept();
  size_t purged = 0;
  uint32_t end = frontier();
  for (int64_t surplus; (surplus = dirty_units() - keep_units) > 0;) {  // ends: `end` falls with every round
    const UnitBitmap::Run run = free_.previous_run(end, kPurgeBatchUnits);
    if (run.count == 0) break;
    end = run.first + run.count;
    end -= tail(run.first, end, true);
    uint32_t dirty = tail(run.first, end, false);
    if (last == Last::kInPart && dirty > surplus) dirty = static_cast<uint32_t>(surplus);
    end -= dirty;
    const Purged done = dirty == 0 ? Purged::kLost : purge_run(end, dirty);
    if (done == Purged::kDone) purged += size_t{dirty} << kUnitShift;
    if (done == Purged::kRefused) refused_units += dirty;
  }
  counters.add(Counter::kPurgedBytes, purged);
  purge_floor_.store(refused_units, std::memory_order_relaxed);
  return purged;
}

// Of those that were refused some may be in use by now: they are refused no more.
[[gnu::noinline]] int64_t Arena::dirty_above_floor() {
  const int64_t dirty = dirty_units();
  const int64_t refused = purge_floor_.load(std::memory_order_relaxed);
  const int64_t floor = refused < dirty ? refused : dirty;
  if (floor != refused) purge_floor_.store(floor, std::memory_order_relaxed);
  return dirty - floor;
}

// kLost: to somebody who wants them.
Arena::Purged Arena::purge_run(uint32_t first, uint32_t count) {
  const InTransit in_transit(transit_, count);
  if (!free_.claim_exactly(first, count)) return Purged::kLost;
  take_zero_bits(first, count);
  RESLAB_HOOK("purge");
  // The zero bit is set only for pages the kernel really took (37).
  const bool gone = vm_discard(address(first), size_t{count} << kUnitShift);
  set_free(first, count, gone ? Content::kZero : Content::kDirty);
  return gone ? Purged::kDone : Purged::kRefused;
}

int64_t Arena::dirty_base(int64_t live) const {
  const auto least = static_cast<int64_t>(options().dirty_min >> kUnitShift);
  const int64_t share = live * static_cast<int64_t>(options().dirty_percent) / 100;
  return least > share ? least : share;
}

// `leaving`: units in use that are about to be free, and are not counted as live.
int64_t Arena::dirty_bound(int64_t live, int64_t leaving) const {
  const int64_t base = dirty_base(live);
  const int64_t most = options().dirty_recent ? bound_.units(live, base, options().dirty_cycles) : base;
  const uint64_t limit = lower_limit();
  if (__builtin_expect(limit == 0, 1)) return most;
  const int64_t room = static_cast<int64_t>(limit >> kUnitShift) - (units_taken() - leaving);
  return room < most ? (room > 0 ? room : 0) : most;
}

void Arena::purge_above_bound(int64_t idle_units) {
  const int64_t dirty = dirty_above_floor();
  const int64_t in_use = units_in_use();
  const int64_t live = in_use - idle_units;
  const int64_t bound = dirty_bound(live, 0);
  if (dirty <= bound) return;
  bound_.note_purge(in_use);  // as releases count it: a fall is one that releases can rise from
  // Below the bound by some, so that not every free after this one purges.
  purge_to(bound - dirty_base(live) / 2);
}

void Arena::purge_above_limit(int64_t limit) {
  const int64_t taken = units_taken();
  if (taken + dirty_above_floor() <= limit) return;
  purge_to((limit - taken) / 8 * 7);  // by some, so that not every claim after this one purges
}

void Arena::purge_to(int64_t keep_units) { purge_down(keep_units > 0 ? keep_units : 0, Last::kWhole); }

// --- retired tail: neither DONTNEED nor PROT_NONE gives commit charge back, only a new mapping does (38) -----------

size_t Arena::retire_tail() {
  uint64_t word = retired_.load(std::memory_order_relaxed);
  if (tail_of(word).count != 0) return 0;  // one at a time
  const uint32_t end = frontier();
  uint32_t first = end;
  while (first > 1 && free_.is_free(first - 1)) --first;
  const uint32_t count = end - first;
  if (count == 0) return 0;
  transit_.begin(count);  // until the tail is revived
  if (free_.claim_exactly(first, count)) {
    take_zero_bits(first, count);
    const size_t bytes = size_t{count} << kUnitShift;
    RESLAB_HOOK("retire_tail");
    // The units stay claimed, so nobody meets them while they are read-only.
    if (vm_retire(address(first), bytes) &&
        retired_.compare_exchange_strong(word, next_tail(word, {first, count}), std::memory_order_acq_rel)) {
      return bytes;
    }
    // Refused, or another tail was retired meanwhile. What cannot be made writable again stays claimed.
    if (vm_make_writable(address(first), bytes)) release(first, count, Content::kDirty);
  }
  transit_.end(count);
  return 0;
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
    if (!retired_.compare_exchange_strong(word, next_tail(word, {0, 0}), std::memory_order_acq_rel)) continue;
    advise(tail.first, tail.count);
    release(tail.first, tail.count, Content::kZero);
    transit_.end(tail.count);
    return true;
  }
  return true;  // so often retired and revived: free units may be there
}

}  // namespace reslab
