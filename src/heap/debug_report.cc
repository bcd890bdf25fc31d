// SPDX-License-Identifier: Apache-2.0
// What the debug modes say: one line as in every report, then who allocated and who freed the object, where that is known.

#include <unistd.h>

#include "base/unwind.h"
#include "heap/debug.h"
#include "heap/debug_guard.h"
#include "heap/describe.h"

namespace reslab {
namespace {

void print_stack(const StackDepot::Entry& entry) {
  const uint64_t depth = entry.depth.load(std::memory_order_acquire);
  for (uint64_t i = 0; i < depth; ++i) {
    Line line;
    line.text("reslab:     #").dec(i).text(" ");
    describe_code(line, entry.pc[i].load(std::memory_order_relaxed));
    line.write_to(STDERR_FILENO);
  }
}

void print_event(DebugTables& tables, const DebugEvent& event, const char* what) {
  const uint64_t ticks = event.ticks.load(std::memory_order_relaxed);
  if (ticks == 0) return;
  Line line;
  line.text("reslab:   ").text(what).text(" by thread ").dec(event.thread.load(std::memory_order_relaxed));
  line.text(" at ").dec(tables.clock.ms_of(ticks)).text(" ms:");
  line.write_to(STDERR_FILENO);
  const uint32_t stack = event.stack.load(std::memory_order_relaxed);
  if (stack != 0) print_stack(tables.stacks.entry(stack));
}

}  // namespace

void print_history(const void* address) {
  DebugTables* tables = debug_tables.load(std::memory_order_acquire);
  if (tables == nullptr) return;
  if (guard_owns(*tables, address)) {
    const GuardSlot& slot = guard_slot_of(*tables, address);
    print_event(*tables, slot.allocated, "allocated");
    print_event(*tables, slot.freed, "freed");
    return;
  }
  if (unit_of(address) == 0 || unit_of(address) >= arena().frontier()) return;
  const ObjectPlace place = place_of(address);
  if (place.cls == kNoClass || !debug_has_record(place)) return;
  const DebugRecord& record = tables->record_of(place);
  if (record.generation.load(std::memory_order_relaxed) != slab_identity(place.unit).generation) return;
  print_event(*tables, record.allocated, "allocated");
  print_event(*tables, record.freed, "freed");
}

void report_debug(Report report, std::initializer_list<uint64_t> values, const char* call, const void* object) {
  Line line;
  begin_report(line, call, object);
  say(line, report, values);
  describe_address(line, object);
  line.write_to(STDERR_FILENO);
  print_history(object);
  die_said();
}

}  // namespace reslab
