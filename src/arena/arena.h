// SPDX-License-Identifier: Apache-2.0
// The arena (one for the process, in mimalloc's sense): hands out runs of 64-KiB units, lock-free, and gives free
// memory back to the system, bounded by amount (29).
//
//                       claim  release  commit  purge   handler on the same thread     child after fork
//   claim, release      yes    yes      yes     yes     yes                            units in transit: heap/fork
//   commit              yes    yes      yes     yes     yes: both publish by CAS-max
//   purge               yes    yes      yes     yes     yes: it claims what it purges
//   keep, claim_kept    yes    yes      yes     yes     yes: arena/run_cache.h
//
// Order of growth: metadata of the units is writable before they are committed, committed is published after mprotect
// returned, the frontier never passes it (38). Where a foreign mapping is in the way, the frontier goes on behind it
// first, and the marks of what is committed and reserved follow: between them is a hole.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "arena/dirty_bound.h"
#include "arena/extent.h"
#include "arena/geometry.h"
#include "arena/holes.h"
#include "arena/run_cache.h"
#include "arena/transit.h"
#include "arena/unit_bitmap.h"
#include "base/contract.h"
#include "base/options.h"

namespace reslab {

// The place of the window and of its metadata; immutable once the root is published.
struct Window {
  uintptr_t base;      // address of unit 0
  uint32_t units;      // of the whole window, reserved or not
  char* chunks;        // unit chunks of the metadata
  uint16_t* class_of;  // the unit map: a unit_entry for each unit
  uint8_t* node_of;    // the node of each unit's memory, as far as there is any; nullptr: there is one node
};

struct UnitRun {
  uint32_t first;  // 0: there is none
  uint32_t count;
  bool zero;  // all bytes are known to be zero
};

constexpr UnitRun kNoUnits = {0, 0, false};

class Arena {
 public:
  void init(const Window& window, uint32_t reserved_units, std::atomic<uint64_t>* bitmaps);

  UnitRun claim(uint32_t count, uint32_t align, Contract contract);
  // The same without growing: of what is free below the frontier, runs that were kept whole included.
  UnitRun claim_free(uint32_t count, uint32_t align, Contract contract);
  // Of units that were never used.
  UnitRun claim_at_frontier(uint32_t count, uint32_t align, Contract contract);
  // Claims exactly the units behind a run, so that it can grow in place.
  UnitRun claim_behind(uint32_t first, uint32_t count);

  enum class Content : uint8_t { kDirty, kZero };
  void release(uint32_t first, uint32_t count, Content content);

  // The node of the memory of a run that was just claimed. What is zero has none yet: it gets that of `node`, whose CPU is
  // about to touch it first.
  uint32_t settle_node(const UnitRun& run, uint32_t node);
  // The pages of a run have moved to another one, and their node with them.
  void carry_node(uint32_t from, uint32_t to, uint32_t units);

  // Whole dirty runs, kept for the next claim of their length while the bound on dirty memory lets them. False: the
  // caller has to release it.
  bool keep(uint32_t first, uint32_t count);
  UnitRun claim_kept(uint32_t count, uint32_t align);
  // Makes free units of those that are kept; how many.
  uint32_t release_kept();
  const RunCache& kept() const { return kept_; }
  void forget_kept() { kept_.forget(); }

  // For plain calls on their slow way: so that calls which may not enter the kernel find memory, it commits what they
  // have taken. That the system refuses is no failure.
  void keep_ready();

  // Purges free dirty units until at most `keep_bytes` of them are left, claiming each batch first; from the frontier
  // down, since claims begin at the other end. Bytes purged.
  size_t purge(size_t keep_bytes);
  // The same with the bound of the options; called by plain frees behind their release. `idle_units`: of the units in
  // use, those that do not count as live, since hardly an object in them is.
  void purge_above_bound(int64_t idle_units = 0);
  // Would that much be above it, were these units dirty and free?
  bool has_dirty_above_bound(int64_t idle_units) const {
    return dirty_units() + idle_units > dirty_bound(units_in_use() - idle_units, idle_units);
  }
  // So that what is held comes down to so many units, as far as what is free reaches; called by plain claims.
  void purge_above_limit(int64_t limit);

  // The process limits its address space: gives back what was reserved and never committed, and the metadata of units
  // that it can then never have (36).
  void give_back_reservation(size_t limit_bytes = SIZE_MAX);
  // Takes the pages and the commit charge of the free units at the frontier's end away (overcommit mode 2); they come
  // back by themselves when a claim finds nothing else. Bytes retired.
  size_t retire_tail();
  bool is_retired(uint32_t unit) const {
    const Tail tail = tail_of(retired_.load(std::memory_order_relaxed));
    return unit - tail.first < tail.count;
  }
  // Units that their holder has lost to whoever maps there become a hole. They are filled once the unit map names them no
  // more, so the holder describes them until then: at no moment are they nobody's and no hole. False: they stay described.
  bool leave_as_hole(uint32_t first, uint32_t count) { return holes_.add({first, count}); }
  // In a place that the arena has passed over, or lost.
  bool is_in_hole(uint32_t unit) const { return holes_.contains(unit); }

  const Window& window() const { return window_; }
  const UnitBitmap& free_bits() const { return free_; }
  // acquire: a hole below it is known (arena/holes.h).
  uint32_t frontier() const { return frontier_.load(std::memory_order_acquire); }
  // The ends of what is writable and of what is reserved. Both may have holes below them.
  uint32_t committed() const { return window_extent_.writable(); }
  uint32_t reserved() const { return window_extent_.reserved(); }
  size_t committed_bytes() const { return bytes_below(committed()); }
  size_t reserved_bytes() const { return bytes_below(reserved()); }
  size_t committed_chunk_bytes() const { return chunk_extent_.writable_bytes(); }
  int64_t dirty_units() const { return dirty_units_.load(std::memory_order_relaxed) + kept_.units(); }
  int64_t units_in_use() const { return units_in_use(kept_.units()); }
  // What the limits of the options compare: units in use but for those in transit or retired, and with those that are free
  // and dirty.
  int64_t units_taken() const;
  int64_t units_held() const { return units_taken() + dirty_units(); }
  bool is_above_soft_limit() const {
    const uint64_t limit = options().soft_limit;
    return limit != 0 && units_held() > static_cast<int64_t>(limit >> kUnitShift);
  }

  // For a child after fork: a unit that is neither free nor described becomes free again. `may_be_retired`: it may have
  // been on its way to or from a retired tail, and be read-only.
  void adopt_orphan(uint32_t unit, bool may_be_retired);
  // And what the dead had counted and not done, or the other way round: of free units before anybody else claims, then of
  // those below `end` that are dirty.
  void recount_free() { free_.recount(frontier()); }
  void recount_dirty(uint32_t end);

  Transit& transit() { return transit_; }

 private:
  friend struct ImageWriter;  // tells readers outside where its parts are

  struct Tail {
    uint32_t first, count;
  };
  enum class Purged : uint8_t { kDone, kRefused, kLost };
  static constexpr Tail tail_of(uint64_t word) {
    return {static_cast<uint32_t>(word >> 24 & (kMaxUnits - 1)), static_cast<uint32_t>(word & (kMaxUnits - 1))};
  }
  static constexpr uint64_t next_tail(uint64_t word, Tail tail) {
    return ((word >> 48) + 1) << 48 | uint64_t{tail.first} << 24 | tail.count;
  }

  int64_t units_in_use(int64_t kept) const {
    return int64_t{frontier()} - 1 - holes_.units() - free_.free_units() - kept;
  }
  size_t bytes_below(uint32_t end) const {
    const uint32_t holes = holes_.units_below(end);  // while one is being added it may be there twice
    return size_t{end > holes ? end - holes : 0} << kUnitShift;
  }
  void set_free(uint32_t first, uint32_t count, Content content);
  int64_t dirty_base(int64_t live) const;
  int64_t dirty_bound(int64_t live, int64_t leaving) const;
  void purge_to(int64_t keep_units);
  enum class Last : bool { kInPart, kWhole };  // of the runs that a purge takes: no more than is to go, or all of it
  size_t purge_down(int64_t keep_units, Last last);
  int64_t dirty_above_floor();
  Purged purge_run(uint32_t first, uint32_t count);
  UnitRun claim_again(uint32_t count, uint32_t align, Contract contract);
  bool revive_tail();
  Place commit(uint32_t needed_units, Contract contract);
  bool commit_in_steps(uint32_t start, uint32_t needed);
  bool commit_chunks(uint32_t units);
  void advise(uint32_t first, uint32_t count) const;
  bool pass_over_taken_place(uint32_t wanted);
  void fill_holes();
  void fill(Holes::Hole hole);
  bool take_zero_bits(uint32_t first, uint32_t count);
  void set_zero_bits(uint32_t first, uint32_t count);
  bool bit_is_zero(uint32_t unit) const {
    return (zero_[unit / 64].load(std::memory_order_relaxed) >> (unit % 64) & 1) != 0;
  }
  uint32_t tail(uint32_t first, uint32_t end, bool zero) const;
  char* address(uint32_t unit) const { return reinterpret_cast<char*>(window_.base + (uintptr_t{unit} << kUnitShift)); }

  Window window_;
  UnitBitmap free_;
  std::atomic<uint64_t>* zero_;  // for each unit: its bytes are zero; belongs to whoever holds the unit (37)
  std::atomic<uint32_t> frontier_;
  Extent window_extent_;              // of units
  Extent chunk_extent_;               // of their metadata, always ahead
  Holes holes_;                       // units that are nobody's, in both
  std::atomic<uint64_t> retired_;     // {changes:16, first:24, count:24} of units that are claimed and read-only
  std::atomic<int64_t> dirty_units_;  // free units that are not known to be zero, without those kept
  RunCache kept_;
  DirtyBound bound_;
  std::atomic<uint32_t> ready_pause_;
  Transit transit_;
  std::atomic<int64_t> purge_floor_;  // dirty units that refused to be purged (locked memory)
};

// Of the published root; valid after ensure_root() (heap/root.h).
extern constinit std::atomic<Arena*> published_arena __attribute__((visibility("hidden")));

// relaxed: whoever uses it got past ensure_root(), which acquires the root.
inline Arena& arena() { return *published_arena.load(std::memory_order_relaxed); }

inline char* unit_address(uint32_t unit) {
  return reinterpret_cast<char*>(arena().window().base + (uintptr_t{unit} << kUnitShift));
}

// The unit of an address, or 0 if it lies outside the window.
inline uint32_t unit_of(const void* p) {
  const uintptr_t offset = reinterpret_cast<uintptr_t>(p) - arena().window().base;
  return offset < (uintptr_t{arena().window().units} << kUnitShift) ? static_cast<uint32_t>(offset >> kUnitShift) : 0;
}

// Metadata of a unit, by kind.
inline char* chunk_part(uint32_t unit, size_t part, size_t stride) {
  return arena().window().chunks + (unit / kUnitsInChunk) * kChunkBytes + part + (unit % kUnitsInChunk) * stride;
}

}  // namespace reslab
