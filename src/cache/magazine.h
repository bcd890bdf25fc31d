// SPDX-License-Identifier: Apache-2.0
// The magazine of a class on the current slot, in both modes, as the slow paths use it; the fast path inlines the
// sections directly (api/fast.h). One result type for both: platform/rseq.h.
//
// Without rseq the same arrays hold atomic slots: pop is an exchange with NULL, push a compare-and-swap from NULL, and
// `top` is only a hint where to begin (11). One locked operation each, nothing to hold, so a thread may stop anywhere.
//
//                     pop  push  batches  resize  open   handler on the same thread   child after fork
//   rseq: sections    one at a time on a slot, by construction; aborted before a handler runs; whole in a child
//   fallback          yes  yes   yes      yes     yes    yes                          whole
//
// How one of another slot is emptied: cache/drain.h.
#pragma once

#include <atomic>
#include <cstdint>

#include "cache/cpu_state.h"
#include "platform/cpu.h"
#include "platform/rseq.h"
#include "slab/size_classes.h"

namespace reslab {

extern constinit std::atomic<Mode> process_mode __attribute__((visibility("hidden")));
// Without the membarrier fence no magazine of another slot is ever drained (3).
extern constinit std::atomic<bool> fence_available __attribute__((visibility("hidden")));
inline bool in_rseq_mode() { return process_mode.load(std::memory_order_relaxed) == Mode::kRseq; }

PopResult fallback_pop(ClassId cls);
Section fallback_push(ClassId cls, void* object);
BatchResult fallback_pop_batch(ClassId cls, void** out, uint32_t n);
BatchResult fallback_push_batch(ClassId cls, void* const* in, uint32_t n);
Section fallback_resize(ClassId cls, uint32_t new_end);
void fallback_set_hint(uint32_t slot, ClassId cls, uint32_t top);

inline PopResult magazine_pop(ClassId cls) { return in_rseq_mode() ? section_pop(cls) : fallback_pop(cls); }
inline Section magazine_push(ClassId cls, void* object) {
  return in_rseq_mode() ? section_push(cls, object) : fallback_push(cls, object);
}

// With restarts. Count 0 means boundary, unregistered, or restarts exhausted; callers go another way in each case.
uint32_t magazine_pop_batch(ClassId cls, void** out, uint32_t n);
uint32_t magazine_push_batch(ClassId cls, void* const* in, uint32_t n);

// Is a live object among the last that were freed to this slot's magazine? Then it was freed before. False may be wrong.
bool magazine_holds(ClassId cls, const void* object);

// Lets the magazine use `slots` slots from now on. What lies above is popped as before.
void magazine_resize(ClassId cls, uint32_t slots);

// The same for a magazine of any slot, once the number is smaller: nothing is lost if a section commits meanwhile.
void magazine_shrink(uint32_t slot, ClassId cls, uint32_t slots);

// First use of a class on a slot: header {0, 0} -> empty, with the initial capacity. Any thread may, once wins.
void magazine_open(uint32_t slot, ClassId cls);

// Slots a magazine may use: none when cold, then some, then twice as many with each step of warmth. Small classes begin
// at the first step; large objects are not cached before their class has proved busy, because one of each size would
// keep megabytes that nobody asks for again.
inline constexpr uint32_t kLargeBytes = 16384;
inline constexpr uint32_t kWarmLarge = 8;

constexpr uint32_t first_warmth(const ClassInfo& info) { return info.object_bytes >= kLargeBytes ? 0 : 1; }

constexpr uint32_t first_large_capacity(const ClassInfo& info) {
  return info.object_bytes < kUnitBytes ? static_cast<uint32_t>(kUnitBytes) / info.object_bytes : 1;
}

uint32_t capacity_at(const ClassInfo& info, uint32_t warmth);

}  // namespace reslab
