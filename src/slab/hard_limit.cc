// SPDX-License-Identifier: Apache-2.0
#include "slab/hard_limit.h"

#include <unistd.h>

#include "base/counters.h"
#include "base/options.h"
#include "base/text.h"
#include "slab/inner.h"
#include "slab/slab.h"

namespace reslab {
namespace {

constexpr int kLargest = 5;

uint64_t objects_bytes(ClassId cls) {
  const int64_t objects = slab_class(cls).capacity_objects.load(std::memory_order_relaxed) -
                          slab_class(cls).free_objects.load(std::memory_order_relaxed);
  return objects > 0 ? static_cast<uint64_t>(objects) * class_info(cls).object_bytes : 0;
}

// The class with the most memory, of those with less than `below`: equal ones but for one go unnamed. kNoClass: none.
ClassId largest_class(uint64_t below) {
  ClassId largest = kNoClass;
  uint64_t most = 0;
  for (const ClassId cls : all_classes()) {
    const uint64_t bytes = objects_bytes(cls);
    if (bytes <= most || bytes >= below) continue;
    largest = cls;
    most = bytes;
  }
  return largest;
}

void say_where(uint64_t bytes, const char* where, uint64_t object_bytes) {
  Line line;
  line.text("reslab:   ").dec(bytes).text(" bytes in ").text(where);
  if (object_bytes != 0) line.dec(object_bytes);
  line.write_to(STDERR_FILENO);
}

void report_classes() {
  uint64_t below = UINT64_MAX;
  for (int i = 0; i < kLargest; ++i) {
    const ClassId cls = largest_class(below);
    if (cls == kNoClass) return;
    below = objects_bytes(cls);
    say_where(below, "objects of ", class_info(cls).object_bytes);
  }
}

// What no slab has.
uint64_t run_units() {
  int64_t units = arena().units_taken();
  for (const ClassId cls : all_classes()) {
    units -= int64_t{slab_class(cls).slabs.load(std::memory_order_relaxed)} * class_info(cls).slab_units;
  }
  return units > 0 ? static_cast<uint64_t>(units) : 0;
}

// Once: a program that goes on at its limit would fill its log. Out of line: nolock calls pass by here on little stack.
[[gnu::noinline]] void report(uint32_t units) {
  static constinit std::atomic<bool> is_reported{false};
  if (is_reported.exchange(true, std::memory_order_relaxed)) return;
  Line line;
  line.text("reslab: hard_limit of ")
      .dec(options().hard_limit)
      .text(" bytes: ")
      .dec(static_cast<uint64_t>(arena().units_held()) << kUnitShift)
      .text(" are held, and ")
      .dec(uint64_t{units} << kUnitShift)
      .text(" more are refused; in use, with what is cached:");
  line.write_to(STDERR_FILENO);
  say_where(run_units() << kUnitShift, "larger blocks", 0);
  report_classes();
}

int64_t units_of(uint64_t limit) { return static_cast<int64_t>(limit >> kUnitShift); }

}  // namespace

bool has_room_below(uint64_t limit, uint32_t units) { return arena().units_taken() + units <= units_of(limit); }

bool make_room(uint32_t units, Contract contract) {
  if (__builtin_expect(has_room(units), 1)) return true;
  if (may_purge(contract)) {
    slab_reclaim_all_empty();
    if (has_room(units)) return true;
    arena().purge_above_limit(units_of(options().hard_limit));
    report(units);
  }
  counters.add(Counter::kLimitRefusals);
  return false;
}

UnitRun settled_below(uint64_t limit, const UnitRun& run, Contract contract) {
  const int64_t most = units_of(limit);
  if (may_purge(contract)) {
    arena().purge_above_limit(most);
    return run;
  }
  if (run.first == 0 || !run.zero || arena().units_held() + run.count <= most) return run;
  arena().release(run.first, run.count, Arena::Content::kZero);
  counters.add(Counter::kLimitRefusals);
  return kNoUnits;
}

}  // namespace reslab
