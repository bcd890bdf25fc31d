// SPDX-License-Identifier: Apache-2.0
#include "heap/debug.h"

#include "base/hooks.h"
#include "base/thread_line.h"
#include "cache/magazine.h"
#include "heap/aside.h"
#include "heap/charged.h"
#include "heap/debug_guard.h"
#include "heap/describe.h"
#include "heap/reentry.h"
#include "heap/run.h"

namespace reslab {
namespace {

constexpr size_t kZoneLeast = 16;
constexpr size_t kZoneMost = 4096;
constexpr unsigned char kZoneByte = 0xbb;
constexpr unsigned char kFreeByte = 0x6b;

DebugTables& tables() { return *debug_tables.load(std::memory_order_acquire); }

bool is_wanted(const DebugSettings& settings, const Request& request) {
  return names_class(settings, request.bytes > kMaxSmallBytes ? kRunClass : class_of_size(request.bytes));
}

// What is said of a byte that has changed.
struct Changed {
  Report report;
  const void* object;
  size_t bytes;  // asked for; not for kWrittenAfterFree
  const char* call;
};

[[noreturn]] void report_changed(const Changed& changed, size_t byte) {
  if (changed.report == Report::kWrittenAfterFree) report_debug(changed.report, {byte}, changed.call, changed.object);
  report_debug(changed.report, {byte, changed.bytes}, changed.call, changed.object);
}

// Words of eight bytes from `begin` to `end`.
void require_words(const Changed& changed, size_t begin, size_t end, unsigned char expected) {
  constexpr uint64_t kEach = 0x0101010101010101;
  for (size_t i = begin; i < end; i += 8) {
    uint64_t word;
    __builtin_memcpy(&word, static_cast<const char*>(changed.object) + i, 8);
    const uint64_t difference = word ^ kEach * expected;
    if (difference == 0) continue;
    report_changed(changed, i + static_cast<size_t>(__builtin_ctzll(difference)) / 8);  // little-endian
  }
}

// Out of line, as all that asks which of the two kinds of class it is: nothing here is on a fast path.
[[gnu::noinline]] bool keeps_content(const ObjectPlace& place) {
  return place.cls == kRunClass || class_info(place.cls).is(kKeepsContent);
}

// An object, its record, and what that says while it is of the slab that is there now.
class Tracked {
 public:
  Tracked(DebugTables& tables, const ObjectPlace& place)
      : tables_(tables), place_(place), record_(tables.record_of(place)) {}

  uint64_t word() const {
    const bool is_of_it = record_.generation.load(std::memory_order_relaxed) == slab_identity(place_.unit).generation;
    return is_of_it ? record_.word.load(std::memory_order_relaxed) : 0;
  }
  bool is_of_cache() const { return place_.cls >= kFirstCacheClass; }
  bool poisons() const { return tables_.has(kDebugPoison) && !keeps_content(place_); }
  size_t capacity() const { return heap_bytes_at(place_); }

  void begin(void* object, const Request& request, bool is_zero) {
    if (request.fill == Fill::kZero && !is_zero) __builtin_memset(object, 0, request.bytes);
    else if (request.fill == Fill::kAny && poisons()) __builtin_memset(object, kNewByte, request.bytes);
    if (tables_.has(kDebugZones)) {
      __builtin_memset(static_cast<char*>(object) + request.bytes, kZoneByte, zone_end(request.bytes) - request.bytes);
    }
    note_event(tables_, record_.allocated);
    record_.freed.ticks.store(0, std::memory_order_relaxed);
    record_.freed.stack.store(0, std::memory_order_relaxed);
    record_.generation.store(slab_identity(place_.unit).generation, std::memory_order_relaxed);
    record_.word.store(DebugRecord::word_of(DebugState::kLive, request.bytes), std::memory_order_relaxed);
  }

  // One of two frees wins.
  bool end(uint64_t seen, DebugState state) {
    const uint64_t ended = DebugRecord::word_of(state, DebugRecord::bytes_of(seen));
    return DebugRecord::state_of(seen) == DebugState::kLive &&
           record_.word.compare_exchange_strong(seen, ended, std::memory_order_relaxed);
  }
  void give_back(uint64_t seen) {
    record_.word.store(DebugRecord::word_of(DebugState::kFreed, DebugRecord::bytes_of(seen)),
                       std::memory_order_relaxed);
  }

  void forget() { record_.word.store(0, std::memory_order_relaxed); }
  void note_free() { note_event(tables_, record_.freed); }
  void poison(void* object) const { __builtin_memset(object, kFreeByte, capacity()); }

  void check_zone(const void* object, size_t bytes, const char* call) const {
    if (!tables_.has(kDebugZones)) return;
    const Changed changed = {Report::kWrittenPastEnd, object, bytes, call};
    const size_t first_word = round_up(bytes, 8);
    for (size_t i = bytes; i < first_word; ++i) {
      if (static_cast<const unsigned char*>(object)[i] != kZoneByte) report_changed(changed, i);
    }
    require_words(changed, first_word, zone_end(bytes), kZoneByte);
  }

  void check_poison(const void* object, const char* call) const {
    require_words({Report::kWrittenAfterFree, object, 0, call}, 0, capacity(), kFreeByte);
  }

  void check_reuse(const void* object, const char* call) const {
    if (poisons() && DebugRecord::state_of(word()) == DebugState::kFreed) check_poison(object, call);
  }

  // Nobody else has it: its bit in the slab must say so.
  bool is_free_in_slab() const { return place_.cls != kRunClass && slab_has_free(place_); }

 private:
  size_t zone_end(size_t bytes) const {
    const size_t end = capacity();
    return end - bytes > kZoneMost ? round_up(bytes + kZoneMost, 16) : end;  // words, as is the end of each object
  }

  DebugTables& tables_;
  const ObjectPlace& place_;
  DebugRecord& record_;
};

// Back to the heap. Where poison is to be compared later, nothing may write a link into the object: no deferred list.
void give_back(void* object, const ObjectPlace& place, Contract contract, const char* call) {
  Tracked tracked(tables(), place);
  if (must_keep_aside()) {
    tracked.forget();  // kept by a link of its own
    return aside_free(object, contract);
  }
  const SlowCall slow;
  if (slow.is_nested()) note_reentry(call);
  bool freed;
  if (place.cls == kRunClass) freed = run_free(place.unit, contract);
  else if (contract == Contract::kPlain || !tracked.poisons()) freed = cache_free_slow(place.cls, object, contract);
  else freed = magazine_push(place.cls, object) == Section::kDone || slab_give_object(object);
  if (!freed) report_double_free(call, object);
}

void leave_quarantine(void* object, Contract contract, const char* call) {
  RESLAB_HOOK("quarantine_leave");
  const ObjectPlace place = place_of(object);
  const Tracked tracked(tables(), place);
  if (tracked.poisons()) tracked.check_poison(object, call);
  give_back(object, place, contract, call);
}

// Filled, and kept from use for a while: not those of typed caches, which are asked for when their cache is destroyed.
void quarantine(const Tracked& tracked, void* object, Contract contract, const char* call) {
  DebugTables& own = tables();
  if (tracked.poisons()) tracked.poison(object);
  if (tracked.is_of_cache()) return give_back(object, place_of(object), contract, call);
  own.quarantine.keep(object, tracked.capacity(), own.settings.quarantine_bytes,
                      [&](void* left) { leave_quarantine(left, contract, call); });
}

}  // namespace

void* debug_allocate(const Request& request, const char* call) {
  DebugTables& own = tables();
  const bool wanted = is_wanted(own.settings, request);
  if (wanted && own.has(kDebugGuards)) {
    void* guarded = guard_allocate(own, request);
    if (guarded != nullptr) return guarded;
  }
  Request inner = request;
  if (wanted && own.has(kDebugZones)) inner.bytes += kZoneLeast;
  // Zeroed here, behind the look at the poison; but units that are zero already need not be.
  if (inner.bytes <= kMaxSmallBytes) inner.fill = Fill::kAny;
  void* object = heap_allocate_untracked(inner, call);
  if (object == nullptr) return nullptr;

  const ObjectPlace place = place_of(object);
  Tracked tracked(own, place);
  tracked.check_reuse(object, call);
  if (wanted) {
    tracked.begin(object, request, inner.fill == Fill::kZero);
  } else {
    tracked.forget();
    if (request.fill == Fill::kZero && inner.fill == Fill::kAny) __builtin_memset(object, 0, request.bytes);
  }
  return object;
}

void* debug_allocate_of(ClassId cls, Contract contract, const char* call) {
  void* object = heap_allocate_of_untracked(cls, 0, contract, call);
  if (object == nullptr) return nullptr;
  const ObjectPlace place = place_of(object);
  if (!debug_has_record(place)) return object;
  Tracked tracked(tables(), place);
  tracked.check_reuse(object, call);
  const Request request = {cache_class_info(cls).object_bytes, 16, contract, Fill::kAny, Retry::kOwnBucket};
  // Of what is kept aside in a child nobody knows the size that was asked for: that of a run is taken for it.
  if (place.cls == cls && names_class(tables().settings, cls)) tracked.begin(object, request, false);
  else tracked.forget();
  return object;
}

[[gnu::noinline]] bool debug_has_record(const ObjectPlace& place) {
  if (place.cls == kRunClass) return charged_account(place) == 0;
  return !class_info(place.cls).is(kCharged);
}

bool debug_tracks(const void* object) { return guard_owns(tables(), object) || debug_has_record(place_of(object)); }

void debug_free(void* object, Contract contract, const char* call) {
  DebugTables& own = tables();
  if (guard_free(own, object, contract, call)) return;
  const ObjectPlace place = heap_place_of(object, call);
  if (!debug_tracks(object)) return heap_free_untracked(object, place, contract, call);
  Tracked tracked(own, place);
  const uint64_t word = tracked.word();
  if (DebugRecord::state_of(word) == DebugState::kUntracked) {
    return heap_free_untracked(object, place, contract, call);
  }
  if (!tracked.end(word, DebugState::kFreed) || tracked.is_free_in_slab()) report_double_free(call, object);
  tracked.check_zone(object, DebugRecord::bytes_of(word), call);
  tracked.note_free();
  quarantine(tracked, object, contract, call);
}

// Always to another place: a pointer to the old one is a mistake that is then found.
void* debug_reallocate(void* object, size_t bytes, Contract contract, const char* call) {
  const size_t have = debug_usable_bytes(object, call);
  void* moved = debug_allocate({bytes, 16, contract, Fill::kAny, Retry::kOtherBuckets}, call);
  if (moved == nullptr) return nullptr;
  __builtin_memcpy(moved, object, have < bytes ? have : bytes);
  debug_free(object, contract, call);
  return moved;
}

size_t debug_usable_bytes(const void* object, const char* call) {
  DebugTables& own = tables();
  size_t bytes;
  if (guard_usable_bytes(own, object, call, bytes)) return bytes;
  const ObjectPlace place = heap_place_of(object, call);
  if (!debug_tracks(object)) return heap_bytes_at(place);
  const uint64_t word = Tracked(own, place).word();
  if (DebugRecord::state_of(word) == DebugState::kFreed) report_debug(Report::kUsedAfterFree, {}, call, object);
  const bool is_exact = DebugRecord::state_of(word) == DebugState::kLive && own.has(kDebugZones);
  return is_exact ? DebugRecord::bytes_of(word) : heap_bytes_at(place);
}

void debug_check_size(const void* object, size_t bytes, const char* call) {
  DebugTables& own = tables();
  if (!own.has(kDebugChecks) || guard_owns(own, object)) return;
  size_t asked;
  if (debug_asked_bytes(heap_place_of(object, call), asked) && !is_size_of(bytes, asked)) {
    report_debug(Report::kWrongSizeAsked, {bytes, asked}, call, object);
  }
}

bool is_size_of(size_t bytes, size_t asked) {
  return bytes == asked || heap_good_bytes(bytes) == heap_good_bytes(asked);
}

bool debug_asked_bytes(const ObjectPlace& place, size_t& asked) {
  const bool is_known = place.cls < kFirstCacheClass && debug_has_record(place);  // of a cache's objects the stride is
  const uint64_t word = is_known ? Tracked(tables(), place).word() : 0;
  asked = DebugRecord::bytes_of(word);
  return DebugRecord::state_of(word) != DebugState::kUntracked;
}

void debug_retire(const void* object, const ObjectPlace& place, const char* call) {
  if (!debug_tracks(object)) return;
  Tracked tracked(tables(), place);
  const uint64_t word = tracked.word();
  if (DebugRecord::state_of(word) == DebugState::kFreed) report_double_free(call, object);
  if (!tracked.end(word, DebugState::kRetired)) return;  // nothing is known; or retired twice, which its bit says
  tracked.check_zone(object, DebugRecord::bytes_of(word), call);
  tracked.note_free();
}

void debug_give_back(void* object, const char* call) {
  const ObjectPlace place = place_of(object);
  Tracked tracked(tables(), place);
  const uint64_t word = debug_tracks(object) ? tracked.word() : 0;
  if (DebugRecord::state_of(word) != DebugState::kRetired) {
    return heap_free_untracked(object, place, Contract::kPlain, call);
  }
  tracked.give_back(word);
  quarantine(tracked, object, Contract::kPlain, call);
}

}  // namespace reslab
