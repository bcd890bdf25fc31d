// SPDX-License-Identifier: Apache-2.0
// What a heap consists of, in figures that add up: for each class
//
//   capacity = live + in_magazines + in_depot + deferred + in_hand + free_in_slabs - overcounted
//
// and in bytes committed = the sum of Memory's kinds - overcounted_bytes. `live` is what remains, as in
// reslab_get_stats; an object that moved while a running process was read may have been met in two places, which shows
// as overcounted.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "groups.h"
#include "view.h"

namespace reslab::outside {

struct ClassFigures {
  uint32_t id;
  std::string name;
  std::vector<std::string> traits;  // what is particular about it
  uint64_t object_bytes, slab_bytes, slab_objects;
  uint64_t capacity, live, in_magazines, in_depot, deferred, in_hand, free_in_slabs, overcounted;
  uint64_t slabs_active, slabs_partial, slabs_full, slabs_empty;
  uint64_t magazine_room;  // objects that the magazines may hold now, over all CPUs

  uint64_t slabs() const { return slabs_active + slabs_partial + slabs_full + slabs_empty; }
  uint64_t cached() const { return in_magazines + in_depot + deferred + in_hand; }
  uint64_t bytes() const { return slabs() * slab_bytes; }
  uint64_t live_bytes() const { return live * object_bytes; }
  // Too short for one more object, or group tags.
  uint64_t tail_bytes() const { return bytes() - capacity * object_bytes; }
  uint64_t waste_bytes() const { return bytes() > live_bytes() ? bytes() - live_bytes() : 0; }
};

struct CpuFigures {
  uint32_t slot;
  uint64_t objects, bytes;  // in its magazines
  uint64_t room;            // objects its magazines may hold now
  uint64_t deferred;
  uint32_t active_slabs;
};

// Bytes of what is committed for objects, by kind.
struct MemoryFigures {
  uint64_t live;           // handed out: objects of the classes
  uint64_t live_runs;      // handed out: whole units
  uint64_t cached;         // free objects in magazines, depot, deferred lists, in hand
  uint64_t free_in_slabs;  // free objects
  uint64_t tails;          // of slabs
  uint64_t free_dirty;     // free units, still in memory; runs that are kept whole among them
  uint64_t free_zero;      // free units whose pages went back to the system, or were never touched
  uint64_t in_transit;     // units on their way between two of the others
  uint64_t never_used;     // committed ahead
  uint64_t overcounted;

  uint64_t committed, reserved, window, metadata, resident;
};

struct RunFigures {
  uint64_t runs, units, largest_units;
};

struct Survey {
  std::string program, title, module, version, mode, mode_reason, index;
  int64_t process_id;
  bool is_live, counts_may_be_off;
  uint32_t slots;
  std::vector<std::string> features;
  std::vector<std::pair<std::string, std::string>> options;  // as RESLAB_OPTIONS spells them; empty: another build's
  std::vector<std::pair<std::string, uint64_t>> counters;
  MemoryFigures memory;
  RunFigures runs;
  std::vector<ClassFigures> classes;  // those that have a slab
  std::vector<CpuFigures> cpus;       // those in use
  std::vector<GroupFigures> groups;

  uint64_t counter(const std::string& name) const;
};

Survey take_survey(const View& view);

// What a unit is, for pictures: its class (run_class for runs), or one of these.
inline constexpr uint32_t kFreeDirtyUnit = 0x10000, kFreeZeroUnit = 0x10001, kTransitUnit = 0x10002,
                          kHoleUnit = 0x10003;
struct UnitUse {
  uint32_t kind;
  uint32_t first;  // unit of the slab or run
  float in_use;    // part of its objects that are not free in the slab: 0 to 1
};
std::vector<UnitUse> look_at_units(const View& view);

}  // namespace reslab::outside
