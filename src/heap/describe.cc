// SPDX-License-Identifier: Apache-2.0
#include "heap/describe.h"

#include <unistd.h>

#include "base/counters.h"
#include "cache/give_back.h"
#include "heap/debug.h"
#include "heap/root.h"
#include "heap/run.h"
#include "slab/slab.h"

namespace reslab {
namespace {

void describe_small(Line& line, const ObjectPlace& place) {
  const ClassInfo& info = class_info(place.cls);
  const uint32_t index = object_index(info, place.offset);
  const size_t inside = place.offset - size_t{index} * info.object_bytes;
  if (index >= info.capacity) {
    say(line, Report::kSlabTail, {info.object_bytes});
    return;
  }
  const bool free = slab_has_free(place);
  if (inside == 0) say(line, free ? Report::kFreeObject : Report::kObject, {index, info.object_bytes});
  else say(line, free ? Report::kInteriorOfFree : Report::kInterior, {inside, index, info.object_bytes});
  if (place.cls >= kFirstCacheClass) line.text(" (").text(class_table().name(place.cls)).text(")");
}

// A run is mapped by its first unit alone: look for one that reaches this far.
bool describe_run(Line& line, const void* address) {
  const uint32_t unit = unit_of(address);
  for (uint32_t first = unit; first > 0; --first) {
    const SlabIdentity identity = slab_identity(first);
    if (identity.cls == kNoClass) continue;
    if (identity.cls != kRunClass || unit - first >= run_bytes(first) >> kUnitShift) return false;
    const auto inside = static_cast<size_t>(static_cast<const char*>(address) - unit_address(first));
    if (inside == 0) say(line, Report::kLargeBlock, {run_bytes(first)});
    else say(line, Report::kInteriorOfBlock, {inside, run_bytes(first)});
    return true;
  }
  return false;
}

// With a debug mode, the object's history stands below the line.
[[noreturn]] void end_report(Line& line, const void* address) {
  line.write_to(STDERR_FILENO);
  print_history(address);
  die_said();
}

}  // namespace

void describe_address(Line& line, const void* address) {
  const uint32_t unit = unit_of(address);
  if (unit == 0) {
    say(line, Report::kNotOurs);
  } else if (unit >= arena().frontier()) {
    say(line, Report::kNeverHandedOut);
  } else {
    const ObjectPlace place = place_of(address);
    if (is_slab_class(place.cls)) {
      describe_small(line, place);
    } else if (!describe_run(line, address)) {
      say(line, arena().is_in_hole(unit) ? Report::kNotOurs : Report::kNothingThere);
    }
  }
}

void report_invalid(const char* call, const void* address) {
  counters.add(Counter::kInvalidFrees);
  Line line;
  begin_report(line, call, address);
  if (published_root.load(std::memory_order_acquire) == nullptr) {
    say(line, Report::kNotOurs);
  } else {
    describe_address(line, address);
  }
  end_report(line, address);
}

void report_double_free(const char* call, const void* object, Report found) {
  counters.add(Counter::kDoubleFrees);
  Line line;
  begin_report(line, call, object);
  say(line, found);
  describe_address(line, object);
  end_report(line, object);
}

void report_free_at_flush(const void* object) { report_double_free("free", object, Report::kDoubleFreeAtFlush); }

void report_other_class(const char* call, const void* object) {
  counters.add(Counter::kInvalidFrees);
  Line line;
  begin_report(line, call, object);
  say(line, Report::kOtherClass);
  describe_address(line, object);
  end_report(line, object);
}

void report_wrong_size(const char* call, const void* object, size_t bytes) {
  Line line;
  begin_report(line, call, object);
  say(line, Report::kWrongSize, {bytes});
  describe_address(line, object);
  end_report(line, object);
}

}  // namespace reslab
