// SPDX-License-Identifier: Apache-2.0
// What the slow paths keep for one slot, behind the magazines of its region (platform/region.h).
#pragma once

#include <atomic>
#include <cstdint>

#include "cache/deferred_list.h"
#include "platform/fast_path.h"
#include "platform/page_size.h"
#include "platform/region.h"
#include "slab/size_classes.h"
#include "sync/local_lock.h"

namespace reslab {

// For one (slot, class). All fields are atomics that anybody may touch; the lock only routes.
struct ClassSlot {
  LocalLock lock;                      // 16 bytes
  std::atomic<uint32_t> active;        // unit of the active slab, or 0
  std::atomic<uint32_t> warmth;        // misses and overflows so far, less what sparseness took: sets the capacity
  std::atomic<uint64_t> saved_header;  // of a magazine that is being drained (cache/drain.h), or 0
};
static_assert(sizeof(ClassSlot) == 32);

struct CpuState {
  DeferredList deferred;
  std::atomic<uint32_t> ebb;         // the last that has emptied its magazines (cache/tide.h)
  std::atomic<uint32_t> cold_frees;  // that found no magazine in an ebb; like `ebb` a hint: relaxed
  uint8_t reserved[64 - sizeof(DeferredList) - 2 * sizeof(uint32_t)];
};
static_assert(sizeof(CpuState) == 64);
static_assert(kSlowBytes + sizeof(CpuState) + (kMaxClasses - 4) * sizeof(ClassSlot) <= kRegionBytes - 8,
              "the last word of a region stays NULL (2)");

static_assert(kSlowBytes + sizeof(CpuState) + kClassEnd * sizeof(ClassSlot) <= kRegionBytes - kMostPageBytes,
              "the last page is never written: option guard_metadata");

// Of a slot's region, from its start on: all, or all but a page that an overflow ends at.
size_t writable_region_bytes();

inline char* region_of(uint32_t slot) {
  return fast_path.regions.load(std::memory_order_relaxed) + (size_t{slot} << kRegionShift);
}
inline CpuState& cpu_state(uint32_t slot) { return *reinterpret_cast<CpuState*>(region_of(slot) + kSlowBytes); }
inline ClassSlot& class_slot(uint32_t slot, uint32_t cls) {
  return reinterpret_cast<ClassSlot*>(region_of(slot) + kSlowBytes + sizeof(CpuState))[cls - 1];
}
inline std::atomic<uint64_t>& header_word(uint32_t slot, uint32_t cls) {
  return reinterpret_cast<std::atomic<uint64_t>*>(region_of(slot))[cls];
}
inline std::atomic<void*>* slot_words(uint32_t slot) { return reinterpret_cast<std::atomic<void*>*>(region_of(slot)); }

// The slots of this process: how many, how they are numbered, and which regions are writable yet.
class Slots {
 public:
  void init(uint32_t count, std::atomic<uint8_t>* ready) {
    count_ = count;
    ready_ = ready;
  }
  uint32_t count() const { return count_; }
  bool is_ready(uint32_t slot) const { return ready_[slot].load(std::memory_order_acquire) != 0; }
  // Makes a region writable; idempotent. False if there is no memory for it.
  bool make_ready(uint32_t slot);

 private:
  uint32_t count_;
  std::atomic<uint8_t>* ready_;
};

extern constinit std::atomic<Slots*> published_slots __attribute__((visibility("hidden")));
inline Slots& slots() { return *published_slots.load(std::memory_order_relaxed); }

// The slot this thread is on now; stale as soon as it is returned. The only reader of CPU numbers outside the sections
// (42).
uint32_t slot_index();

}  // namespace reslab
