// SPDX-License-Identifier: Apache-2.0
// What the debug modes keep of objects: one mapping of its own, far from what a program can overflow into, made with the
// root if RESLAB_OPTIONS asks for any mode, and touched as it is used.
//
//   [ settings | quarantine | guard slots | stacks | a record for each 16 bytes of the window ]
//
// A record belongs to one object of one slab: it counts only while the generation that it names is the slab's. Its word
// {bytes asked for:61, state:3} is the one thing that two calls may race for; the events are written by whoever has
// moved it.
//
//                  allocate   free   report   handler on the same thread     child after fork
//   allocate       yes        -(1)   yes      yes                            the child's copy is its own
//   free           -(1)       (2)    yes      yes
//   (1) the object is the caller's alone          (2) one of them wins the word, the other is a double free
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "arena/geometry.h"
#include "base/for_tries.h"
#include "base/hooks.h"
#include "base/options.h"
#include "base/stack_table.h"
#include "heap/debug_clock.h"
#include "slab/slab.h"

namespace reslab {

enum DebugMode : uint32_t {
  kDebugChecks = 1,  // F: every free is compared with its record
  kDebugZones = 2,   // Z: bytes behind the object that must not change
  kDebugPoison = 4,  // P: bytes of a free object that must not change
  kDebugUsers = 8,   // U: who allocated and who freed it
  kDebugGuards = 16  // G: sampled objects between pages that cannot be touched
};

inline constexpr unsigned char kNewByte = 0x5a;  // what an object is filled with that nobody has written yet

struct DebugSettings {
  uint32_t modes;
  uint32_t names_at;  // where in the option's text: sizes and caches, each behind a comma; none: all are meant
  uint64_t classes[2];
  uint64_t quarantine_bytes;
  uint64_t guard_every;
};

// False: `options.debug` is not understood; `settings` is then without modes.
bool read_debug_settings(const Options& options, DebugSettings& settings);
// Are objects of the class meant, one of malloc's or a typed cache's?
bool names_class(const DebugSettings& settings, ClassId cls);
// Is the cache one of those that are named?
bool names_cache(const DebugSettings& settings, const char* cache);

enum class DebugState : uint64_t {
  kUntracked,
  kLive,
  kFreed,
  kRetired,  // freed by the program, and perhaps still read
  kWaiting   // of a guarded object: likewise, and the grace period that it waits for has been asked for
};

struct DebugEvent {
  std::atomic<uint32_t> stack;   // in the depot of stacks; 0: none
  std::atomic<uint32_t> thread;  // low half of the thread's number
  std::atomic<uint64_t> ticks;   // of DebugClock; 0: nothing was noted
};

struct DebugRecord {
  std::atomic<uint64_t> word;
  std::atomic<uint32_t> generation;
  uint32_t reserved;
  DebugEvent allocated;
  DebugEvent freed;

  static uint64_t word_of(DebugState state, size_t bytes) {
    return uint64_t{bytes} << 3 | static_cast<uint64_t>(state);
  }
  static DebugState state_of(uint64_t word) { return static_cast<DebugState>(word & 7); }
  static size_t bytes_of(uint64_t word) { return word >> 3; }
};
static_assert(sizeof(DebugRecord) == 48);

// The stacks of events.
class StackDepot {
 public:
  static constexpr uint32_t kEntries = 1 << 16;
  struct Entry {
    static constexpr uint32_t kFrames = 16;
    std::atomic<uint64_t> hash;
    std::atomic<uint64_t> depth;
    std::atomic<uintptr_t> pc[kFrames];
  };

  // The caller's stack; 0: no unwinder, or no room.
  uint32_t keep_current();
  const Entry& entry(uint32_t stack) const { return entries_[stack]; }

 private:
  Entry entries_[kEntries];
};

// Freed objects in the order of their frees, until so many bytes are there.
class Quarantine {
 public:
  // Puts an object in; what has to leave for it is given to `leave(object)`, a bounded number of them.
  template <class Leave>
  void keep(void* object, uint64_t bytes, uint64_t most, Leave leave);
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint64_t kPlaces = 1 << 16;
  static constexpr int kLeaveAtOnce = 8;
  struct Place {
    std::atomic<void*> object;
    std::atomic<uint64_t> bytes;
  };

  template <class Leave>
  void take_out(Place& place, void* next, uint64_t next_bytes, Leave& leave);

  std::atomic<uint64_t> in_;
  std::atomic<uint64_t> out_;
  std::atomic<uint64_t> bytes_;
  Place places_[kPlaces];
};

struct GuardSlot {
  std::atomic<uint64_t> word;  // as a record's
  std::atomic<uintptr_t> object;
  DebugEvent allocated;
  DebugEvent freed;
};

struct GuardPool {
  static constexpr uint32_t kSlots = 512;
  std::atomic<char*> pages;     // two for each slot: the object's, and one that cannot be touched; nullptr: not made
  std::atomic<uint64_t> calls;  // allocations that were asked
  std::atomic<uint64_t> next;   // slot to try
  std::atomic<bool> some_retired;
  GuardSlot slots[kSlots];
};

struct DebugTables {
  DebugSettings settings;
  DebugClock clock;
  GuardPool guards;
  Quarantine quarantine;
  StackDepot stacks;
  DebugRecord records[];

  static constexpr size_t kRecordsInUnit = kUnitBytes / 16;
  static size_t bytes_for(size_t units) {
    return round_up(sizeof(DebugTables) + units * kRecordsInUnit * sizeof(DebugRecord), kUnitBytes);
  }
  bool has(DebugMode mode) const { return (settings.modes & mode) != 0; }
  DebugRecord& record_of(const ObjectPlace& place);
};

// nullptr: no debug mode. Published with the root.
extern constinit std::atomic<DebugTables*> debug_tables __attribute__((visibility("hidden")));
inline bool debug_is_on() { return debug_tables.load(std::memory_order_acquire) != nullptr; }

void note_event(DebugTables& tables, DebugEvent& event);

// --- quarantine ------------------------------------------------------------------------------------------------------

template <class Leave>
void Quarantine::take_out(Place& place, void* next, uint64_t next_bytes, Leave& leave) {
  // The size travels apart from the pointer: a race of two for one place shifts the sum by their difference, and it is
  // only a bound. seq_cst: what was written to the object before is before what its next user does; and see keep().
  const uint64_t bytes = place.bytes.exchange(next_bytes, std::memory_order_relaxed);
  void* object = place.object.exchange(next, std::memory_order_seq_cst);
  bytes_.fetch_add(next_bytes - bytes, std::memory_order_relaxed);
  if (object != nullptr) leave(object);
}

template <class Leave>
void Quarantine::keep(void* object, uint64_t bytes, uint64_t most, Leave leave) {
  if (bytes > most) return leave(object);
  const uint64_t in = in_.fetch_add(1, std::memory_order_relaxed);
  RESLAB_HOOK("quarantine_keep");
  take_out(places_[in % kPlaces], object, bytes, leave);  // one that is older than the whole ring
  // Frees that came meanwhile, of a handler say, may have let out all before it, and looked here before the object came: it
  // would stay until the ring has gone round. seq_cst here and where that look is announced: one of the two sees the other.
  if (out_.load(std::memory_order_seq_cst) > in) take_out(places_[in % kPlaces], nullptr, 0, leave);
  for ([[maybe_unused]] int round : for_tries(kLeaveAtOnce)) {
    if (this->bytes() <= most) break;
    uint64_t out = out_.load(std::memory_order_relaxed);
    if (out + kPlaces <= in) out = in - kPlaces + 1;  // those have been overwritten
    if (out > in) break;
    out_.store(out + 1, std::memory_order_seq_cst);  // lost by a race: somebody looks at a place twice
    take_out(places_[out % kPlaces], nullptr, 0, leave);
  }
}

}  // namespace reslab
