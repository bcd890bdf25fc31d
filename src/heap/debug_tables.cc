// SPDX-License-Identifier: Apache-2.0
#include "heap/debug_tables.h"

#include "base/hooks.h"
#include "base/thread_line.h"
#include "base/unwind.h"

namespace reslab {

constinit std::atomic<DebugTables*> debug_tables{nullptr};

namespace {

uint32_t mode_of(char letter) {
  switch (letter) {
    case 'F':
      return kDebugChecks;
    case 'Z':
      return kDebugZones;
    case 'P':
      return kDebugPoison;
    case 'U':
      return kDebugUsers;
    case 'G':
      return kDebugGuards;
    default:
      return 0;
  }
}

// ",64,128": the classes of these sizes.
bool read_classes(const char* text, DebugSettings& settings) {
  while (*text == ',') {
    size_t bytes = 0;
    const char* digits = ++text;
    for (; *text >= '0' && *text <= '9' && bytes <= kMaxSmallBytes; ++text) {
      bytes = bytes * 10 + static_cast<size_t>(*text - '0');
    }
    if (text == digits || bytes > kMaxSmallBytes) return false;
    const ClassId cls = class_of_size(bytes);
    settings.classes[cls / 64] |= uint64_t{1} << (cls % 64);
    settings.names_classes = true;
  }
  return *text == '\0';
}

}  // namespace

static_assert(kMallocClasses <= 128, "fits DebugSettings::classes");

bool read_debug_settings(const Options& options, DebugSettings& settings) {
  settings = {};
  const char* text = options.debug;
  uint32_t modes = 0;
  for (; *text != '\0' && *text != ','; ++text) {
    const uint32_t mode = mode_of(*text);
    if (mode == 0) return false;
    modes |= mode;
  }
  if (!read_classes(text, settings)) return false;
  settings.modes = modes;
  settings.quarantine_bytes = options.quarantine;
  settings.guard_every = options.guard == 0 ? 1 : uint64_t{options.guard};
  return true;
}

DebugRecord& DebugTables::record_of(const ObjectPlace& place) {
  const size_t index = place.cls == kRunClass ? 0 : object_index(malloc_class_info(place.cls), place.offset);
  return records[size_t{place.unit} * kRecordsInUnit + index];
}

uint32_t StackDepot::keep_current() {
  Stack stack;
  take_stack(stack);
  if (stack.depth > Entry::kFrames) stack.depth = Entry::kFrames;
  return stack.depth == 0 ? 0 : claim_stack(entries_, kEntries, stack, stack_hash(stack));
}

void note_event(DebugTables& tables, DebugEvent& event) {
  const bool users = tables.has(kDebugUsers);
  event.stack.store(users ? tables.stacks.keep_current() : 0, std::memory_order_relaxed);
  // Not drawn here: who keeps aside in a forked child must not have one (heap/fork.h).
  const uint64_t id = thread_line.id.load(std::memory_order_relaxed);
  event.thread.store(users ? static_cast<uint32_t>(id) : 0, std::memory_order_relaxed);
  event.ticks.store(users ? DebugClock::ticks() | 1 : 0, std::memory_order_relaxed);
}

}  // namespace reslab
