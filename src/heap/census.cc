// SPDX-License-Identifier: Apache-2.0
#include "heap/census.h"

#include "cache/magazine.h"
#include "heap/root.h"
#include "heap/run.h"

namespace reslab {
namespace {

void count_slab(ClassCensus& census, uint32_t unit, ClassId cls, uint16_t flags) {
  const ClassInfo& info = class_info(cls);
  uint64_t free = 0;
  for (uint32_t word = 0; word < info.words; ++word) {
    free += static_cast<uint64_t>(__builtin_popcountll(slab_bits(unit, info)[word].load(std::memory_order_relaxed)));
  }
  census.capacity += info.capacity;
  census.free_in_slabs += free;
  uint64_t& by_state = (flags & kSlabActive) != 0 ? census.slabs_active
                       : free == info.capacity    ? census.slabs_empty
                       : free == 0                ? census.slabs_full
                                                  : census.slabs_partial;
  ++by_state;
}

uint32_t units_of_run(uint32_t unit) { return static_cast<uint32_t>(run_bytes(unit) >> kUnitShift); }

// How far a walk goes on behind the unit of what it found there. Above 0, whatever is being changed.
uint32_t units_of(uint32_t unit, ClassId found) {
  if (is_slab_class(found)) return class_info(found).slab_units;
  const uint32_t units = found == kRunClass ? units_of_run(unit) : 0;
  return units != 0 ? units : 1;
}

void count_slabs(ClassCensus& census, ClassId cls) {
  const uint32_t frontier = arena().frontier();
  uint32_t unit = 1;
  while (unit < frontier) {  // ends: `unit` grows
    const uint64_t state = slab_at(unit).state.load(std::memory_order_acquire);
    const ClassId found = identity_of(state).cls;
    if (found == cls) count_slab(census, unit, cls, flags_of(state));
    unit += units_of(unit, found);
  }
}

uint64_t count_magazine(uint32_t slot, ClassId cls) {
  const ClassInfo& info = class_info(cls);
  if (process_mode.load(std::memory_order_relaxed) == Mode::kRseq) {
    const uint32_t top = header_top(header_word(slot, cls).load(std::memory_order_relaxed));
    return top >= info.begin && top != kClosedTop ? top - info.begin : 0;
  }
  uint64_t n = 0;
  for (uint32_t i = info.begin; i < info.begin + info.magazine; ++i) {
    n += slot_words(slot)[i].load(std::memory_order_relaxed) != nullptr ? 1 : 0;
  }
  return n;
}

void count_slots(ClassCensus& census, ClassId cls) {
  for (uint32_t slot = 0; slot < slots().count(); ++slot) {
    if (!slots().is_ready(slot)) continue;
    census.in_magazines += count_magazine(slot, cls);
    cpu_state(slot).deferred.for_each([&](void* object) {
      census.deferred += place_of(object).cls == cls ? 1 : 0;
      return true;
    });
  }
}

void count_blocks(ClassCensus& census, ClassId cls) {
  BlockPool& pool = blocks();
  const uint32_t made = pool.blocks_made();
  for (uint32_t block = 1; block < made; ++block) {
    if (pool.cls(block) != cls) continue;
    if (pool.state(block) == BlockState::kInHand) census.in_hand += pool.count(block);
    if (pool.state(block) == BlockState::kInDepot) census.in_depot += pool.count(block);
  }
}

}  // namespace

ClassCensus take_census(ClassId cls) {
  ClassCensus census = {};
  count_slabs(census, cls);
  count_slots(census, cls);
  count_blocks(census, cls);
  return census;
}

uint64_t count_objects_in_magazines() {
  uint64_t n = 0;
  for (uint32_t slot = 0; slot < slots().count(); ++slot) {
    if (!slots().is_ready(slot)) continue;
    for (const ClassId cls : all_classes()) n += count_magazine(slot, cls);
  }
  return n;
}

RunCensus take_run_census() {
  RunCensus census = {0, 0};
  const uint32_t frontier = arena().frontier();
  for (uint32_t unit = 1; unit < frontier;) {  // ends: `unit` grows
    const ClassId found = slab_identity(unit).cls;
    const uint32_t units = found == kRunClass ? units_of_run(unit) : 0;
    if (units != 0) {
      ++census.runs;
      census.bytes += size_t{units} << kUnitShift;
    }
    unit += units_of(unit, found);
  }
  return census;
}

}  // namespace reslab
