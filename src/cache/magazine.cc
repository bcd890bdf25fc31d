// SPDX-License-Identifier: Apache-2.0
#include "cache/magazine.h"

#include "base/counters.h"
#include "base/for_tries.h"
#include "base/hooks.h"

namespace reslab {
namespace {

// The two halves of a header, each read and written with one width (a mixed width costs a failed store forward).
std::atomic<uint32_t>& top_of(uint32_t slot, ClassId cls) {
  return reinterpret_cast<std::atomic<uint32_t>*>(region_of(slot))[size_t{cls} * 2];
}
std::atomic<uint32_t>& end_of(uint32_t slot, ClassId cls) {
  return reinterpret_cast<std::atomic<uint32_t>*>(region_of(slot))[size_t{cls} * 2 + 1];
}

constexpr int kNeighbours = 3;   // slots tried beside the hint
constexpr uint32_t kSlack = 16;  // slots above the hint where a lost race may have left an object

}  // namespace

uint32_t capacity_at(const ClassInfo& info, uint32_t warmth) {
  if (info.object_bytes >= kLargeBytes) {
    if (warmth < kWarmLarge) return 0;
    const uint32_t grown = first_large_capacity(info) << (warmth - kWarmLarge < 3 ? warmth - kWarmLarge : 3);
    return grown < info.magazine ? grown : info.magazine;
  }
  if (warmth == 0) return 0;
  const uint32_t slots = 4096 / info.object_bytes;
  const uint32_t initial = slots < 2 ? 2 : slots > 32 ? 32 : slots;
  const uint64_t grown = uint64_t{initial} << (warmth < 16 ? warmth - 1 : 16);
  return grown < info.magazine ? static_cast<uint32_t>(grown) : info.magazine;
}

// --- fallback --------------------------------------------------------------------------------------------------------

// acquire on exchange, release on compare-and-swap: an object's former user's stores are before its next user's loads.
PopResult fallback_pop(ClassId cls) {
  const uint32_t slot = slot_index();
  const uint32_t begin = class_info(cls).begin;
  std::atomic<void*>* words = slot_words(slot);
  uint32_t top = top_of(slot, cls).load(std::memory_order_relaxed);
  if (end_of(slot, cls).load(std::memory_order_relaxed) == 0) return {nullptr, Section::kBoundary};
  for ([[maybe_unused]] int round : for_tries(kNeighbours)) {
    if (top <= begin) break;
    RESLAB_HOOK("fallback_pop");
    void* object = words[--top].exchange(nullptr, std::memory_order_acquire);
    if (object != nullptr) {
      RESLAB_HOOK("fallback_popped");
      top_of(slot, cls).store(top, std::memory_order_relaxed);
      return {object, Section::kDone};
    }
  }
  return {nullptr, Section::kBoundary};
}

Section fallback_push(ClassId cls, void* object) {
  const uint32_t slot = slot_index();
  std::atomic<void*>* words = slot_words(slot);
  // acquire, against magazine_open: with the end comes the top it was published with, not the 0 before.
  const uint32_t end = end_of(slot, cls).load(std::memory_order_acquire);
  uint32_t top = top_of(slot, cls).load(std::memory_order_relaxed);
  if (end == 0) return Section::kBoundary;
  if (words[top - 1].load(std::memory_order_relaxed) == object) return Section::kSameAsTop;
  for ([[maybe_unused]] int round : for_tries(kNeighbours)) {
    if (top >= end) break;
    RESLAB_HOOK("fallback_push");
    void* none = nullptr;
    if (words[top++].compare_exchange_strong(none, object, std::memory_order_release, std::memory_order_relaxed)) {
      RESLAB_HOOK("fallback_pushed");
      top_of(slot, cls).store(top, std::memory_order_relaxed);
      return Section::kDone;
    }
  }
  return Section::kBoundary;
}

// Looks at every slot that may hold something, from the top down: what a stale hint has hidden is found here.
BatchResult fallback_pop_batch(ClassId cls, void** out, uint32_t n) {
  const uint32_t slot = slot_index();
  const ClassInfo& info = class_info(cls);
  std::atomic<void*>* words = slot_words(slot);
  const uint32_t end = end_of(slot, cls).load(std::memory_order_relaxed);
  const uint32_t top = top_of(slot, cls).load(std::memory_order_relaxed);
  if (end == 0) return {0, Section::kBoundary};
  const uint32_t above = (end > top ? end : top) + kSlack;
  const uint32_t limit = above < info.begin + info.magazine ? above : info.begin + info.magazine;
  if (n == 0) return {0, Section::kDone};
  uint32_t got = 0;
  uint32_t i = limit;
  while (i > info.begin && got < n) {
    --i;
    if (words[i].load(std::memory_order_relaxed) == nullptr) continue;
    void* object = words[i].exchange(nullptr, std::memory_order_acquire);
    if (object != nullptr) out[got++] = object;
  }
  top_of(slot, cls).store(i, std::memory_order_relaxed);
  return {got, got > 0 ? Section::kDone : Section::kBoundary};
}

BatchResult fallback_push_batch(ClassId cls, void* const* in, uint32_t n) {
  uint32_t done = 0;
  while (done < n && fallback_push(cls, in[done]) == Section::kDone) ++done;
  return {done, done > 0 ? Section::kDone : Section::kBoundary};
}

Section fallback_resize(ClassId cls, uint32_t new_end) {
  const uint32_t slot = slot_index();
  if (end_of(slot, cls).load(std::memory_order_relaxed) == 0) return Section::kBoundary;
  end_of(slot, cls).store(new_end, std::memory_order_relaxed);
  return Section::kDone;
}

void fallback_set_hint(uint32_t slot, ClassId cls, uint32_t top) {
  top_of(slot, cls).store(top, std::memory_order_relaxed);
}

// --- both modes ------------------------------------------------------------------------------------------------------

// What lay below `top` when it was read was free, and what has come there since was freed after: never a live object. A
// section's store of an object is seen no later than that of its `top`, or an older word could be taken for it.
bool magazine_holds(ClassId cls, const void* object) {
  constexpr uint32_t kLookedAt = 8;  // a cache line, or two
  if (in_rseq_mode() && !kStoresAreSeenInOrder) return false;
  const uint32_t slot = slot_index();
  const ClassInfo& info = class_info(cls);
  const uint32_t top = top_of(slot, cls).load(std::memory_order_acquire);  // before the slots
  if (top > info.begin + info.magazine) return false;                      // closed
  const uint32_t first = top > info.begin + kLookedAt ? top - kLookedAt : info.begin;
  const std::atomic<void*>* words = slot_words(slot);
  bool found = false;
  for (uint32_t i = first; i < top; ++i) found |= words[i].load(std::memory_order_relaxed) == object;
  return found;
}

uint32_t magazine_pop_batch(ClassId cls, void** out, uint32_t n) {
  if (!in_rseq_mode()) return fallback_pop_batch(cls, out, n).count;
  for ([[maybe_unused]] int round : for_tries(kRestarts)) {
    const BatchResult result = section_pop_batch(cls, class_info(cls).begin, out, n);
    if (result.section != Section::kAborted) return result.count;
  }
  counters.add(Counter::kRestartsExhausted);
  return 0;
}

uint32_t magazine_push_batch(ClassId cls, void* const* in, uint32_t n) {
  if (n == 0) return 0;
  if (!in_rseq_mode()) return fallback_push_batch(cls, in, n).count;
  for ([[maybe_unused]] int round : for_tries(kRestarts)) {
    const BatchResult result = section_push_batch(cls, in, n);
    if (result.section != Section::kAborted) return result.count;
  }
  counters.add(Counter::kRestartsExhausted);
  return 0;
}

void magazine_resize(ClassId cls, uint32_t slots) {
  const uint32_t new_end = class_info(cls).begin + slots;
  if (!in_rseq_mode()) {
    fallback_resize(cls, new_end);
    return;
  }
  for ([[maybe_unused]] int round : for_tries(kRestarts)) {
    if (section_resize(cls, new_end) != Section::kAborted) return;
  }
}

// One try. Sections commit `top`, which stays: one that is in flight may still push above the new end, as it may pop.
void magazine_shrink(uint32_t slot, ClassId cls, uint32_t slots) {
  std::atomic<uint64_t>& header = header_word(slot, cls);
  uint64_t seen = header.load(std::memory_order_relaxed);
  const uint32_t end = class_info(cls).begin + slots;
  if (end >= header_end(seen)) return;  // closed ones as well
  RESLAB_HOOK("magazine_shrink");
  header.compare_exchange_strong(seen, header_of(header_top(seen), end), std::memory_order_relaxed);
}

// A compare-and-swap against sections is sound here: none commits on a header that reads {0, 0}.
void magazine_open(uint32_t slot, ClassId cls) {
  std::atomic<uint64_t>& header = header_word(slot, cls);
  if (header.load(std::memory_order_relaxed) != 0) return;
  const ClassInfo& info = class_info(cls);
  const uint32_t warmth = first_warmth(info);
  class_slot(slot, cls).warmth.store(warmth, std::memory_order_relaxed);
  const uint32_t capacity = capacity_at(info, warmth);
  uint64_t untouched = 0;
  RESLAB_HOOK("magazine_open");
  header.compare_exchange_strong(untouched, header_of(info.begin, info.begin + capacity), std::memory_order_release);
}

}  // namespace reslab
