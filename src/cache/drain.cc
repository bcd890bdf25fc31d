// SPDX-License-Identifier: Apache-2.0
#include "cache/drain.h"

#include "base/for_tries.h"
#include "base/hooks.h"
#include "base/thread_line.h"
#include "cache/magazine.h"

namespace reslab {
namespace {

// Each slot is cleared before its object goes elsewhere, so that whoever finishes the drain knows which are still here.
void empty_slots(uint32_t slot, ClassId cls, uint32_t end, DrainVisit visit) {
  for (uint32_t i = class_info(cls).begin; i < end; ++i) {
    void* object = slot_words(slot)[i].exchange(nullptr, std::memory_order_acq_rel);
    if (object != nullptr) visit(cls, object);
  }
}

bool drain_fallback(uint32_t slot, ClassId cls, DrainVisit visit) {
  const ClassInfo& info = class_info(cls);
  RESLAB_HOOK("drain_close");
  empty_slots(slot, cls, info.begin + info.magazine, visit);
  RESLAB_HOOK("drain_emptied");
  fallback_set_hint(slot, cls, info.begin);
  return true;
}

// As it will be when it is open again: a section in flight has committed `top` alone over a closed header.
uint64_t reopened(uint64_t now, uint64_t saved) {
  const uint32_t end = header_end(now) != 0 ? header_end(now) : header_end(saved);
  return header_of(header_top(now) == kClosedTop ? header_top(saved) : header_top(now), end);
}

// Once round: true if it is closed and no section can move it any more. By compare-and-swap, so that the saved header is
// exact whenever the other one reads as closed.
bool try_close(std::atomic<uint64_t>& header, std::atomic<uint64_t>& saved) {
  uint64_t now = header.load(std::memory_order_relaxed);
  saved.store(reopened(now, saved.load(std::memory_order_relaxed)), std::memory_order_relaxed);
  RESLAB_HOOK("drain_close");
  // acq_rel: the objects' last stores are before us; what we do to them is after.
  if (!header.compare_exchange_strong(now, kClosedHeader, std::memory_order_acq_rel)) return false;
  RESLAB_HOOK("drain_closed");
  const bool fenced = rseq_fence();
  RESLAB_HOOK("drain_fenced");
  return fenced && header.load(std::memory_order_acquire) == kClosedHeader;
}

// It would not stand still.
void restore(std::atomic<uint64_t>& header, uint64_t saved) {
  uint64_t now = header.load(std::memory_order_relaxed);
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    RESLAB_HOOK("drain_restore");
    if (header.compare_exchange_weak(now, reopened(now, saved), std::memory_order_release)) return;
  }
  // Each round was lost to a section's commit over a header without an end, so to a pop: it empties as it is, and the
  // class goes without a magazine on that slot.
}

// By whoever owns `saved_header`.
bool drain_owned(uint32_t slot, ClassId cls, DrainVisit visit) {
  std::atomic<uint64_t>& header = header_word(slot, cls);
  std::atomic<uint64_t>& saved = class_slot(slot, cls).saved_header;
  for ([[maybe_unused]] int round : for_tries(kRestarts)) {
    if (!try_close(header, saved)) continue;
    const uint64_t open = saved.load(std::memory_order_relaxed);
    empty_slots(slot, cls, header_top(open), visit);
    RESLAB_HOOK("drain_emptied");
    header.store(header_of(class_info(cls).begin, header_end(open)), std::memory_order_release);
    return true;
  }
  restore(header, saved.load(std::memory_order_relaxed));
  return false;
}

// {owns:1, slot:15, class:16} of the drain this thread is in.
uint32_t draining_word(uint32_t slot, ClassId cls) { return 1u << 31 | slot << 16 | cls; }

bool finish(uint32_t slot, ClassId cls, DrainVisit visit) {
  const bool done = drain_owned(slot, cls, visit);
  // In this order: a jump in between leaves a magazine that no other slot drains, not one that two think they own.
  thread_line.draining.store(0, std::memory_order_relaxed);
  class_slot(slot, cls).saved_header.store(0, std::memory_order_release);
  return done;
}

}  // namespace

bool magazine_drain(uint32_t slot, ClassId cls, DrainVisit visit) {
  const uint64_t seen = header_word(slot, cls).load(std::memory_order_relaxed);
  if (header_end(seen) == 0) return true;
  if (!in_rseq_mode()) return drain_fallback(slot, cls, visit);
  if (header_top(seen) == class_info(cls).begin) return true;
  if (!fence_available.load(std::memory_order_relaxed)) return false;
  uint64_t nobody = 0;
  // acquire: what the drain before us has stored is before us.
  if (!class_slot(slot, cls).saved_header.compare_exchange_strong(nobody, seen, std::memory_order_acquire))
    return false;
  thread_line.draining.store(draining_word(slot, cls), std::memory_order_relaxed);
  return finish(slot, cls, visit);
}

void finish_abandoned_drain(DrainVisit visit) {
  const uint32_t draining = thread_line.draining.load(std::memory_order_relaxed);
  if (draining != 0) finish(draining >> 16 & 0x7fff, draining & 0xffff, visit);
}

void finish_drain_of_dead(uint32_t slot, ClassId cls, DrainVisit visit) {
  std::atomic<uint64_t>& header = header_word(slot, cls);
  std::atomic<uint64_t>& saved = class_slot(slot, cls).saved_header;
  const uint64_t now = header.load(std::memory_order_relaxed);
  const uint64_t open = reopened(now, saved.load(std::memory_order_relaxed));
  if (now != 0 && header_end(now) == 0 && header_end(open) != 0) {
    if (now == kClosedHeader) {
      empty_slots(slot, cls, header_top(open), visit);
      header.store(header_of(class_info(cls).begin, header_end(open)), std::memory_order_relaxed);
    } else {  // a section has committed over it, and others of this process may: nothing was taken out of it
      restore(header, open);
    }
  }
  saved.store(0, std::memory_order_relaxed);
}

}  // namespace reslab
