// SPDX-License-Identifier: Apache-2.0
#include "heap/debug_tables.h"

#include "base/hooks.h"
#include "base/thread_line.h"
#include "base/unwind.h"
#include "slab/class_table.h"

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

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }
bool is_end(char letter) { return letter == ',' || letter == '\0'; }

size_t length_of_name(const char* name) {
  size_t length = 0;
  while (!is_end(name[length])) ++length;
  return length;
}

// ",64,128,session": the classes of these sizes; what is no number is the name of a cache. False: there is neither.
bool read_names(const char* text, DebugSettings& settings) {
  while (*text == ',') {
    const char* const name = ++text;
    size_t bytes = 0;
    for (; is_digit(*text) && bytes <= kMaxSmallBytes; ++text) {
      bytes = bytes * 10 + static_cast<size_t>(*text - '0');
    }
    if (text == name) {
      text += length_of_name(name);
      if (text == name) return false;
      continue;
    }
    if (bytes > kMaxSmallBytes) return false;
    const ClassId cls = class_of_size(bytes);
    settings.classes[cls / 64] |= uint64_t{1} << (cls % 64);
  }
  return *text == '\0';
}

// Is the name that begins here the cache's? As many letters of it count as are kept of a cache's. What begins with a digit
// is a size.
bool is_name(const char* name, const char* cache) {
  constexpr size_t kKept = ClassTable::kNameBytes - 1;
  size_t same = 0;
  if (is_digit(*name)) return false;
  while (same < kKept && !is_end(name[same]) && name[same] == cache[same]) ++same;
  return same == kKept || (is_end(name[same]) && cache[same] == '\0');
}

bool names_cache(const char* names, const char* cache) {
  for (const char* name = names; *name == ',';) {
    if (is_name(++name, cache)) return true;
    do ++name;  // none is empty
    while (!is_end(*name));
  }
  return false;
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
  settings.names_at = static_cast<uint32_t>(text - options.debug);
  if (!read_names(text, settings) || (modes == 0 && *options.debug != '\0')) return false;
  settings.modes = modes;
  settings.quarantine_bytes = options.quarantine;
  settings.guard_every = options.guard == 0 ? 1 : uint64_t{options.guard};
  return true;
}

bool names_cache(const DebugSettings& settings, const char* cache) {
  return names_cache(options().debug + settings.names_at, cache);
}

bool names_class(const DebugSettings& settings, ClassId cls) {
  const char* const names = options().debug + settings.names_at;
  if (*names == '\0') return true;
  if (cls < kMallocClasses) return (settings.classes[cls / 64] >> (cls % 64) & 1) != 0;
  return cls >= kFirstCacheClass && names_cache(names, class_table().name(cls));
}

DebugRecord& DebugTables::record_of(const ObjectPlace& place) {
  const size_t index = place.cls == kRunClass ? 0 : object_index(class_info(place.cls), place.offset);
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
