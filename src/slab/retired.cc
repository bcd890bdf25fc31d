// SPDX-License-Identifier: Apache-2.0
#include "slab/retired.h"

#include "base/hooks.h"

namespace reslab {

constinit std::atomic<bool> retiring_in_use{false};
constinit std::atomic<const RcuClient*> rcu_client{nullptr};

namespace {

constexpr uint32_t kLast = UINT32_MAX;  // ends the waiting list; 0 is "not on it"

constinit TaggedStack pending_units;
constinit std::atomic<bool> some_unlisted{false};
constinit uint32_t waiting_head = kLast;

std::atomic<uint32_t>& next_of(uint32_t unit) { return slab_at(unit).pending_next; }

void list_pending(uint32_t unit) {
  Slab& slab = slab_at(unit);
  // seq_cst, and behind the bit (R1). The load spares most retirings the exchange.
  if (slab.pending_listed.load(std::memory_order_seq_cst) != 0) return;
  if (slab.pending_listed.exchange(1, std::memory_order_seq_cst) != 0) return;
  RESLAB_HOOK("retired_list");
  if (pending_units.push(unit, next_of)) return;
  slab.pending_listed.store(0, std::memory_order_seq_cst);
  some_unlisted.store(true, std::memory_order_release);
}

void list_waiting(uint32_t unit) {
  Slab& slab = slab_at(unit);
  if (slab.waiting_next != 0) return;
  slab.waiting_next = waiting_head;
  waiting_head = unit;
}

inline bool is_free_in_slab(const ObjectBit& bit) {
  if (bit.cls == kRunClass) return false;
  return (slab_bits(bit.unit, class_info(bit.cls))[bit.word].load(std::memory_order_relaxed) & bit.mask) != 0;
}

Retired take_word(uint32_t unit, ClassId cls, const RetiredWords& words, uint32_t word, void (*twice)(void*)) {
  const uint64_t bits = words.pending[word].load(std::memory_order_seq_cst);
  if (bits == 0) return {0, 0};
  const uint64_t before = words.waiting[word].load(std::memory_order_relaxed);  // nobody else writes it
  if ((before & bits) != 0) twice(retired_object(unit, cls, word, before & bits));
  words.waiting[word].store(before | bits, std::memory_order_seq_cst);
  RESLAB_HOOK("retired_taken");
  words.pending[word].fetch_and(~bits, std::memory_order_seq_cst);  // (R2)
  const auto objects = static_cast<uint64_t>(__builtin_popcountll(bits));
  return {objects, objects * retired_object_bytes(unit, cls)};
}

// acquire: what the slab is by then is seen behind this.
bool has_pending_bits(uint32_t unit, ClassId cls) {
  if (!has_retired_bits(cls)) return false;
  const RetiredWords words = retired_words(unit, cls);
  for (uint32_t word = 0; word < words.count; ++word) {
    if (words.pending[word].load(std::memory_order_acquire) != 0) return true;
  }
  return false;
}

Retired take_unit(uint32_t unit, void (*twice)(void*)) {
  Retired taken = {0, 0};
  // A search comes to slabs that nobody holds: only a bit that is set keeps one what it is.
  if (!has_pending_bits(unit, slab_identity(unit).cls)) return taken;
  const ClassId cls = slab_identity(unit).cls;
  const RetiredWords words = retired_words(unit, cls);
  for (uint32_t word = 0; word < words.count; ++word) {
    const Retired some = take_word(unit, cls, words, word, twice);
    taken.objects += some.objects;
    taken.bytes += some.bytes;
  }
  if (taken.objects != 0) list_waiting(unit);
  return taken;
}

// Calls visit(unit) for the first unit of each slab and run that there may be.
template <class Visit>
void for_each_described(Visit visit) {
  const uint32_t frontier = arena().frontier();
  for (uint32_t unit = 1; unit < frontier; ++unit) {
    if (has_retired_bits(slab_identity(unit).cls)) visit(unit);
  }
}

bool is_waiting(const ObjectBit& bit) {  // relaxed: nobody else writes it
  return (retired_words(bit.unit, bit.cls).waiting[bit.word].load(std::memory_order_relaxed) & bit.mask) != 0;
}

RetireResult set_waiting(const ObjectBit& bit) {
  const RetiredWords words = retired_words(bit.unit, bit.cls);
  if (is_free_in_slab(bit)) return RetireResult::kFree;
  const uint64_t before = words.waiting[bit.word].load(std::memory_order_relaxed);
  if (((before | words.pending[bit.word].load(std::memory_order_relaxed)) & bit.mask) != 0) return RetireResult::kTwice;
  words.waiting[bit.word].store(before | bit.mask, std::memory_order_release);
  list_waiting(bit.unit);
  return RetireResult::kDone;
}

}  // namespace

RetireResult retire_by_bit(const ObjectBit& bit) {
  const RetiredWords words = retired_words(bit.unit, bit.cls);
  if (is_free_in_slab(bit)) return RetireResult::kFree;
  // Before the bit is set: behind it, the reclaimer may have moved this very bit here.
  if ((words.waiting[bit.word].load(std::memory_order_acquire) & bit.mask) != 0) return RetireResult::kTwice;
  RESLAB_HOOK("retire_by_bit");
  // seq_cst: the caller's unlinking, and R1.
  if ((words.pending[bit.word].fetch_or(bit.mask, std::memory_order_seq_cst) & bit.mask) != 0) {
    return RetireResult::kTwice;
  }
  RESLAB_HOOK("retired_by_bit");
  list_pending(bit.unit);
  return RetireResult::kDone;
}

TakenIn retire_to_waiting(void* const* objects, uint32_t count) {
  const Window& window = arena().window();
  Retired taken = {0, 0};
  for (; taken.objects < count; ++taken.objects) {
    const ObjectPlace place = place_in(window, objects[taken.objects]);
    if (!is_start(place)) return {taken, RetireResult::kNoObject};
    const RetireResult result = set_waiting(bit_of(place));
    if (result != RetireResult::kDone) return {taken, result};
    taken.bytes += retired_object_bytes(place.unit, place.cls);
  }
  return {taken, RetireResult::kDone};
}

void* find_waiting(void* const* objects, uint32_t count) {
  const Window& window = arena().window();
  for (uint32_t i = 0; i < count; ++i) {
    const ObjectPlace place = place_in(window, objects[i]);
    if (is_start(place) && is_waiting(bit_of(place))) return objects[i];
  }
  return nullptr;
}

Retired take_pending(Search search, void (*twice)(void*)) {
  Retired taken = {0, 0};
  const auto add = [&](uint32_t unit) {
    const Retired some = take_unit(unit, twice);
    taken.objects += some.objects;
    taken.bytes += some.bytes;
  };
  // Ends: as many pops as there are units; what others list meanwhile waits for the next time.
  for (uint32_t left = arena().frontier(); left > 0; --left) {
    const uint32_t unit = pending_units.pop(next_of);
    if (unit == 0) break;
    slab_at(unit).pending_listed.store(0, std::memory_order_seq_cst);  // (R1)
    RESLAB_HOOK("retired_unlisted");
    add(unit);
  }
  if (some_unlisted.exchange(false, std::memory_order_acquire) || search == Search::kAll) for_each_described(add);
  return taken;
}

uint32_t pop_waiting() {
  const uint32_t unit = waiting_head;
  if (unit == kLast) return 0;
  waiting_head = slab_at(unit).waiting_next;
  slab_at(unit).waiting_next = 0;
  return unit;
}

Retired adopt_waiting() {
  waiting_head = kLast;
  Retired pending = {0, 0};
  for_each_described([&](uint32_t unit) {
    slab_at(unit).waiting_next = 0;
    const ClassId cls = slab_identity(unit).cls;
    const RetiredWords words = retired_words(unit, cls);
    for (uint32_t word = 0; word < words.count; ++word) {
      const uint64_t bits = words.waiting[word].exchange(0, std::memory_order_relaxed);  // one thread
      const uint64_t all = words.pending[word].fetch_or(bits, std::memory_order_relaxed) | bits;
      const auto objects = static_cast<uint64_t>(__builtin_popcountll(all));
      pending.objects += objects;
      pending.bytes += objects * retired_object_bytes(unit, cls);
    }
  });
  some_unlisted.store(true, std::memory_order_release);
  return pending;
}

void touch_retired_bits(uint32_t unit, ClassId cls) {
  const RetiredWords words = retired_words(unit, cls);
  words.pending[0].fetch_or(0, std::memory_order_relaxed);
  words.waiting[words.count - 1].fetch_or(0, std::memory_order_relaxed);
}

bool has_pending() { return !pending_units.empty() || some_unlisted.load(std::memory_order_relaxed); }

}  // namespace reslab
