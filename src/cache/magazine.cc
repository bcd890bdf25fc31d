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

// --- both modes ------------------------------------------------------------------------------------------------------

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

namespace {

bool drain_fallback(uint32_t slot, ClassId cls, void (*visit)(ClassId, void*)) {
  const ClassInfo& info = class_info(cls);
  RESLAB_HOOK("drain_close");
  for (uint32_t i = info.begin; i < info.begin + info.magazine; ++i) {
    void* object = slot_words(slot)[i].exchange(nullptr, std::memory_order_acquire);
    if (object != nullptr) visit(cls, object);
  }
  RESLAB_HOOK("drain_emptied");
  top_of(slot, cls).store(info.begin, std::memory_order_relaxed);
  return true;
}

}  // namespace

// Each slot is cleared before its object goes elsewhere, so that a child after fork knows which are still here.
void magazine_empty_closed(uint32_t slot, ClassId cls, uint32_t top, void (*visit)(ClassId, void*)) {
  for (uint32_t i = class_info(cls).begin; i < top; ++i) {
    void* object = slot_words(slot)[i].exchange(nullptr, std::memory_order_acq_rel);
    if (object != nullptr) visit(cls, object);
  }
}

bool magazine_drain(uint32_t slot, ClassId cls, void (*visit)(ClassId, void*)) {
  std::atomic<uint64_t>& header = header_word(slot, cls);
  const uint64_t seen = header.load(std::memory_order_relaxed);
  if (header_end(seen) == 0) return true;
  if (!in_rseq_mode()) return drain_fallback(slot, cls, visit);
  if (header_top(seen) == class_info(cls).begin) return true;
  if (!fence_available.load(std::memory_order_relaxed)) return false;

  ClassSlot& own = class_slot(slot, cls);
  const uint32_t begin = class_info(cls).begin;
  uint64_t open = seen;
  for ([[maybe_unused]] int round : for_tries(kRestarts)) {
    __atomic_store_n(&own.saved_header, 0, __ATOMIC_RELAXED);  // until the exchange has told the top, nobody knows it
    RESLAB_HOOK("drain_close");
    // acq_rel: the objects' last stores are before us; what we do to them is after.
    const uint64_t taken = header.exchange(kClosedHeader, std::memory_order_acq_rel);
    if (taken == kClosedHeader) return false;  // another drain is at it
    // A section that was in flight commits `top` alone: the end that was read before this exchange is still right.
    if (header_end(taken) != 0) open = taken;
    else open = header_of(header_top(taken), header_end(open));
    __atomic_store_n(&own.saved_header, open, __ATOMIC_RELAXED);
    RESLAB_HOOK("drain_closed");
    const bool fenced = rseq_fence();
    RESLAB_HOOK("drain_fenced");
    if (fenced && header.load(std::memory_order_acquire) == kClosedHeader) {
      magazine_empty_closed(slot, cls, header_top(open), visit);
      RESLAB_HOOK("drain_emptied");
      header.store(header_of(begin, header_end(open)), std::memory_order_release);
      return true;
    }
    if (!fenced) break;
  }
  // It would not stand still. A section may have committed `top` over the closed one, so only `end` is put back: the
  // top it left is the right one.
  uint64_t now = header.load(std::memory_order_relaxed);
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    const uint32_t top = header_top(now) == kClosedTop ? header_top(open) : header_top(now);
    RESLAB_HOOK("drain_restore");
    if (header.compare_exchange_weak(now, header_of(top, header_end(open)), std::memory_order_release)) break;
  }
  return false;
}

}  // namespace reslab
