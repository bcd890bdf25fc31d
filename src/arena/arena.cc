// SPDX-License-Identifier: Apache-2.0
#include "arena/arena.h"

#include "base/counters.h"
#include "base/for_tries.h"
#include "base/hooks.h"
#include "base/options.h"
#include "base/report.h"
#include "platform/vm.h"

namespace reslab {

constinit std::atomic<Arena*> published_arena{nullptr};

namespace {

constexpr uint32_t kMinCommitUnits = 4;    // 256 KiB
constexpr uint32_t kMaxCommitUnits = 512;  // 32 MiB
constexpr uint32_t kReserveUnits = 256;    // a further span of the window, when a limit kept the first one small
constexpr uint32_t kLongestHole = 16384;   // 1 GiB
constexpr uint32_t kReadyPause = 256;      // calls that do not ask again for what the system has refused

uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }
uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

constexpr UnitBitmap::Reach reach_of(Contract contract) {
  return contract == Contract::kPlain ? UnitBitmap::Reach::kAll : UnitBitmap::Reach::kBounded;
}

}  // namespace

void Arena::init(const Window& window, uint32_t reserved_units, std::atomic<uint64_t>* bitmaps) {
  const uint32_t words = window.units / 64 + 1;
  window_ = window;
  zero_ = bitmaps;
  free_.init(bitmaps + words, bitmaps + 2 * size_t{words}, window.base >> kUnitShift);
  chunk_extent_.init(window.chunks, kChunkBytes, window.units / kUnitsInChunk + 1, 0);
  window_extent_.init(reinterpret_cast<char*>(window.base), kUnitBytes, reserved_units, 1);
  frontier_.store(1, std::memory_order_relaxed);  // unit 0 is "none"; relaxed: the root's publication releases all this
}

UnitRun Arena::claim_free(uint32_t count, uint32_t align, Contract contract) {
  const UnitBitmap::Reach reach = reach_of(contract);
  uint32_t first = free_.claim(count, align, frontier(), reach);
  if (first == 0 && release_kept() != 0) first = free_.claim(count, align, frontier(), reach);
  if (first == 0) return kNoUnits;
  return {first, count, take_zero_bits(first, count)};
}

UnitRun Arena::claim(uint32_t count, uint32_t align, Contract contract) {
  UnitRun run = claim_free(count, align, contract);
  if (run.first == 0 && may_enter_kernel(contract) && revive_tail()) run = claim_free(count, align, contract);
  if (run.first == 0) run = claim_at_frontier(count, align, contract);
  return run.first != 0 || !may_enter_kernel(contract) ? run : claim_again(count, align, contract);
}

// There is no more to be had at the frontier. But where it has passed a taken place there may be free units by now, and a
// hole that is filled leaves room for another.
UnitRun Arena::claim_again(uint32_t count, uint32_t align, Contract contract) {
  if (!holes_.is_any()) return kNoUnits;
  fill_holes();
  const UnitRun run = claim_free(count, align, contract);
  return run.first != 0 ? run : claim_at_frontier(count, align, contract);
}

UnitRun Arena::claim_behind(uint32_t first, uint32_t count) {
  if (first + count > frontier()) return kNoUnits;
  if (!free_.claim_exactly(first, count) && (release_kept() == 0 || !free_.claim_exactly(first, count)))
    return kNoUnits;
  return {first, count, take_zero_bits(first, count)};
}

uint32_t Arena::settle_node(const UnitRun& run, uint32_t node) {
  if (window_.node_of == nullptr) return 0;
  uint8_t* nodes = window_.node_of + run.first;  // the claimer's alone
  if (run.zero) __builtin_memset(nodes, static_cast<int>(node), run.count);
  return nodes[0];
}

void Arena::carry_node(uint32_t from, uint32_t to, uint32_t units) {
  if (window_.node_of != nullptr) __builtin_memcpy(window_.node_of + to, window_.node_of + from, units);
}

void Arena::release(uint32_t first, uint32_t count, Content content) {
  bound_.note_release(units_in_use(), count);
  set_free(first, count, content);
}

void Arena::set_free(uint32_t first, uint32_t count, Content content) {
  if (content == Content::kZero) set_zero_bits(first, count);
  else dirty_units_.fetch_add(count, std::memory_order_relaxed);
  RESLAB_HOOK("unit_release");
  free_.release(first, count);
}

// Fresh units are zero. A plain call loses a race only to another thread's growth, so its rounds end with the window.
UnitRun Arena::claim_at_frontier(uint32_t count, uint32_t align, Contract contract) {
  for ([[maybe_unused]] int round : for_tries(contract == Contract::kPlain ? kCasTries * 64 : kCasTries)) {
    uint32_t start = frontier_.load(std::memory_order_relaxed);
    const uint64_t first = free_.aligned(start, align);
    const uint64_t end = first + count;
    if (end > window_.units) return kNoUnits;
    const Place place = end > committed() ? commit(static_cast<uint32_t>(end), contract) : Place::kOurs;
    if (place == Place::kTaken && pass_over_taken_place(count)) continue;
    if (place != Place::kOurs) return kNoUnits;
    RESLAB_HOOK("frontier");
    const InTransit gap(transit_, static_cast<int64_t>(first - start));
    // acq_rel: what was committed before is visible to whoever reads the frontier.
    if (!frontier_.compare_exchange_strong(start, static_cast<uint32_t>(end), std::memory_order_acq_rel)) continue;
    if (first > start) set_free(start, static_cast<uint32_t>(first) - start, Content::kZero);
    return {static_cast<uint32_t>(first), count, true};
  }
  return kNoUnits;
}

// Behind what is reserved there is a mapping of somebody else, or of a thread that stands still before its mark. The
// frontier goes on behind it: whoever claims at the frontier has seen it where it was, so nobody can have a unit of the
// hole. Then the marks go on, so that whoever is late with his finds that he is. What is ours below becomes free units.
// False: there is nothing to be had behind it.
bool Arena::pass_over_taken_place(uint32_t wanted) {
  const uint32_t ours = reserved();
  if (uint64_t{ours} + kReserveUnits + wanted > window_.units) return false;
  if (ours > committed() && !commit_in_steps(committed(), ours)) return false;
  uint32_t start = frontier();
  const uint32_t first = larger(committed(), start);  // read behind the frontier: they are ours if it is still there
  if (reserved() > first) return true;                // there is more by now
  // Twice as much where the last hole was too short, up to what can only be a reservation that is being given back.
  const uint32_t last = holes_.ending_at(first);
  if (last >= kLongestHole) return false;
  const Holes::Hole hole = {first, larger(2 * last, kReserveUnits)};
  const uint64_t end = uint64_t{first} + hole.count;
  // Their metadata has to be readable: walks over all units pass through.
  if (end + wanted > window_.units || !commit_chunks(static_cast<uint32_t>(end)) || !holes_.add(hole)) return false;
  RESLAB_HOOK("frontier_passes");
  const InTransit below(transit_, first - start);
  if (!frontier_.compare_exchange_strong(start, static_cast<uint32_t>(end), std::memory_order_acq_rel)) {
    holes_.take(hole);
    return true;
  }
  RESLAB_HOOK("frontier_passed");
  window_extent_.skip_to(static_cast<uint32_t>(end));
  if (first > start) set_free(start, first - start, Content::kZero);
  return true;
}

// Holes whose place is empty by now become free units.
void Arena::fill_holes() {
  holes_.for_each([&](Holes::Hole hole) { fill(hole); });
}

// What we can map in a place that the frontier has passed nobody has a unit of. One that it has not passed yet is being
// added at this moment, and may come to nothing; one whose first unit is still described is being left. Asked behind the
// mapping: a hole that was filled may have been claimed and be just empty, as its pages are to be moved elsewhere.
void Arena::fill(Holes::Hole hole) {
  const size_t bytes = size_t{hole.count} << kUnitShift;
  if (vm_reserve_at(address(hole.first), bytes) != Place::kOurs) return;
  RESLAB_HOOK("hole_mapped");
  // acquire: whoever left it has done so.
  const bool is_left = __atomic_load_n(window_.class_of + hole.first, __ATOMIC_ACQUIRE) == 0;
  const bool is_passed = hole.first + hole.count <= frontier();
  const InTransit filled(transit_, hole.count);
  if (is_left && is_passed && vm_make_writable(address(hole.first), bytes) && holes_.take(hole)) {
    advise(hole.first, hole.count);
    set_free(hole.first, hole.count, Content::kZero);
  } else {
    vm_release(address(hole.first), bytes);
  }
}

// --- kept runs -------------------------------------------------------------------------------------------------------

bool Arena::keep(uint32_t first, uint32_t count) {
  if (count > RunCache::kLongest) return false;
  const int64_t kept = kept_.units();
  const int64_t live = units_in_use(kept);
  bound_.note_release(live, count);
  const int64_t dirty = dirty_units_.load(std::memory_order_relaxed) + kept + count;
  return dirty <= dirty_bound(live - count, count) && kept_.put({first, count});
}

UnitRun Arena::claim_kept(uint32_t count, uint32_t align) {
  const RunCache::Entry run = kept_.take(count, [&](uint32_t first) { return free_.aligned(first, align) == first; });
  return {run.first, run.count, false};
}

uint32_t Arena::release_kept() {
  uint32_t units = 0;
  kept_.drain([&](RunCache::Entry run, auto take) {
    const InTransit in_transit(transit_, run.count);
    if (!take()) return;
    counters.add(Counter::kFrees);
    set_free(run.first, run.count, Content::kDirty);
    units += run.count;
  });
  return units;
}

void Arena::keep_ready() {
  const auto wanted = static_cast<int64_t>(options().nolock_ready >> kUnitShift);
  const int64_t start = frontier();
  const int64_t end = larger(committed(), static_cast<uint32_t>(start));  // the marks may have a hole to pass yet
  const int64_t missing = wanted - (end - start) - free_.free_units() - kept_.units();
  if (missing <= 0 || end + missing > window_.units) return;
  const uint32_t pause = ready_pause_.load(std::memory_order_relaxed);  // a hint: lost steps do no harm
  if (pause > 0) {
    ready_pause_.store(pause - 1, std::memory_order_relaxed);
    return;
  }
  const Place place = commit(static_cast<uint32_t>(end + missing), Contract::kPlain);
  if (place == Place::kTaken) pass_over_taken_place(static_cast<uint32_t>(missing));  // and the next call commits
  if (place == Place::kNoSpace) ready_pause_.store(kReadyPause, std::memory_order_relaxed);
}

// Makes units below `needed` writable, and their metadata before them, in steps that grow with the arena and shrink
// under shortage (38). Those below the frontier are writable, or in a hole and out of reach: a caller that wanted them
// looks again.
Place Arena::commit(uint32_t needed, Contract contract) {
  if (!may_enter_kernel(contract)) return Place::kNoSpace;
  Place place = Place::kNoSpace;
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    const uint32_t start = frontier();
    if (needed <= larger(committed(), start)) return Place::kOurs;
    if (reserved() < start) window_extent_.skip_to(start);  // who passed a hole stands still before he could
    place = window_extent_.reserve(needed, smaller(reserved() + kReserveUnits, window_.units));
    if (place != Place::kOurs) break;
    if (commit_in_steps(committed(), needed)) return Place::kOurs;
    place = Place::kNoSpace;
    if (needed <= reserved()) break;  // the system refused; else the reservation was given back meanwhile
  }
  return needed <= committed() ? Place::kOurs : place;
}

bool Arena::commit_in_steps(uint32_t start, uint32_t needed) {
  if (needed <= start) return true;
  const uint32_t least = needed - start;
  uint32_t step = smaller(larger(start / 8, kMinCommitUnits), kMaxCommitUnits);
  step = smaller(larger(step, least), larger(reserved(), needed) - start);
  while (!commit_chunks(start + step) || !window_extent_.commit(start + step)) {
    if (step == least) return false;  // ends: the step halves down to what is needed
    step = larger(step / 2, least);
  }
  advise(start, step);
  return true;
}

// For memory that has become writable: a mapping does not know what was asked for the one before it.
[[gnu::noinline]] void Arena::advise(uint32_t first, uint32_t count) const {
  const auto asked = static_cast<ThpOption>(options().thp);
  if (asked == ThpOption::kSystem) return;
  const HugePages pages = asked == ThpOption::kAlways ? HugePages::kAsked : HugePages::kRefused;
  vm_advise(address(first), size_t{count} << kUnitShift, pages);
}

bool Arena::commit_chunks(uint32_t units) {
  const uint32_t wanted = (units + kUnitsInChunk - 1) / kUnitsInChunk;
  return chunk_extent_.reserve(wanted, wanted) == Place::kOurs && chunk_extent_.commit(wanted);
}

void Arena::give_back_reservation(size_t limit_bytes) {
  window_extent_.give_back(0);
  // One chunk more than is writable: the next commit has one. Holes take units and no memory.
  constexpr size_t kChunkSpan = size_t{kUnitsInChunk} << kUnitShift;
  const size_t wanted = limit_bytes / kChunkSpan + 2 + kLongestHole / kUnitsInChunk;
  const uint32_t most = window_.units / kUnitsInChunk + 1;
  chunk_extent_.give_back(larger(chunk_extent_.writable() + 1, wanted < most ? static_cast<uint32_t>(wanted) : most));
}

// --- known zero ----------------------------------------------------------------------------------------------------

// Bits are read and cleared by the holder of the units; atomics because neighbours share a word.
bool Arena::take_zero_bits(uint32_t first, uint32_t count) {
  uint32_t zero_count = 0;
  for (uint32_t unit = first; unit < first + count; ++unit) {
    const uint64_t bit = uint64_t{1} << (unit % 64);
    if (unit % 64 == 0 && first + count - unit >= 64) {  // a whole word at a time
      zero_count +=
          static_cast<uint32_t>(__builtin_popcountll(zero_[unit / 64].exchange(0, std::memory_order_relaxed)));
      unit += 63;
    } else if ((zero_[unit / 64].fetch_and(~bit, std::memory_order_relaxed) & bit) != 0) {
      ++zero_count;
    }
  }
  if (zero_count != count) dirty_units_.fetch_sub(count - zero_count, std::memory_order_relaxed);
  return zero_count == count;
}

void Arena::set_zero_bits(uint32_t first, uint32_t count) {
  for (uint32_t unit = first; unit < first + count; ++unit) {
    if (unit % 64 == 0 && first + count - unit >= 64) {
      zero_[unit / 64].store(~uint64_t{0}, std::memory_order_relaxed);
      unit += 63;
    } else {
      zero_[unit / 64].fetch_or(uint64_t{1} << (unit % 64), std::memory_order_relaxed);
    }
  }
}

// --- for a child after fork ------------------------------------------------------------------------------------------

void Arena::adopt_orphan(uint32_t unit, bool may_be_retired) {
  if (may_be_retired && !vm_make_writable(address(unit), kUnitBytes)) return;
  release(unit, 1, Content::kDirty);
}

void Arena::recount_dirty(uint32_t end) {
  int64_t dirty = 0;
  for (uint32_t word = 0; word <= end / 64; ++word) {
    const uint64_t zero = zero_[word].load(std::memory_order_relaxed);
    dirty += __builtin_popcountll(free_.word(word) & ~zero);  // what is free above `end` was never used
  }
  dirty_units_.store(dirty, std::memory_order_relaxed);
  purge_floor_.store(0, std::memory_order_relaxed);  // locks are not inherited
  transit_.reset(tail_of(retired_.load(std::memory_order_relaxed)).count);
}

}  // namespace reslab
