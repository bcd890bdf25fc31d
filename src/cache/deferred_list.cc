// SPDX-License-Identifier: Apache-2.0
#include "cache/deferred_list.h"

#include "arena/arena.h"
#include "base/for_tries.h"
#include "base/hooks.h"
#include "base/report.h"

namespace reslab {

constinit std::atomic<uint64_t> deferred_key{0};

namespace {
[[noreturn]] void report_overwritten(const void* object) {
  Line line;
  line.text("reslab: object ").ptr(object);
  die(say(line, Report::kLinkDamaged));
}
}  // namespace

uint64_t DeferredList::index_of(const void* object) {
  return (reinterpret_cast<uintptr_t>(object) - arena().window().base) >> 4;
}

void* DeferredList::object_at(uint64_t index) {
  const uintptr_t offset = index << 4;
  if (offset >= uintptr_t{arena().frontier()} << kUnitShift) return nullptr;
  return reinterpret_cast<void*>(arena().window().base + offset);
}

// Its own inverse; the key differs from process to process, the index from object to object.
uint64_t DeferredList::decode(uint64_t index, uint64_t word) {
  return word ^ deferred_key.load(std::memory_order_relaxed) ^ (index * 0x9e3779b97f4a7c15);
}

bool DeferredList::push(void* object, uint32_t most) {
  if (length() >= most) return false;
  const uint64_t index = index_of(object);
  uint64_t head = head_.load(std::memory_order_relaxed);
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    __atomic_store_n(static_cast<uint64_t*>(object), encode(index, head & kIndexMask), __ATOMIC_RELAXED);
    RESLAB_HOOK("deferred_push");
    // release: the link, and the user's last stores, are before whoever pops the object.
    // The tag stays: a head that comes back to what it was is as good a link as before.
    const uint64_t next_head = (head & ~kIndexMask) | index;
    if (head_.compare_exchange_weak(head, next_head, std::memory_order_release, std::memory_order_relaxed)) {
      RESLAB_HOOK("deferred_pushed");
      length_.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
  }
  return false;
}

void* DeferredList::pop() {
  uint64_t head = head_.load(std::memory_order_acquire);
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    const uint64_t index = head & kIndexMask;
    void* object = object_at(index);
    if (index == 0 || object == nullptr) return nullptr;
    const uint64_t next = decode(index, __atomic_load_n(static_cast<uint64_t*>(object), __ATOMIC_RELAXED));
    RESLAB_HOOK("deferred_pop");
    const uint64_t next_head = ((head >> kIndexBits) + 1) << kIndexBits | (next & kIndexMask);
    if (head_.compare_exchange_weak(head, next_head, std::memory_order_acq_rel, std::memory_order_acquire)) {
      length_.fetch_sub(1, std::memory_order_relaxed);
      // Not for the next owner to read. Pops that still do fail by the tag.
      __atomic_store_n(static_cast<uint64_t*>(object), 0, __ATOMIC_RELAXED);
      // The pop was valid, so the link was read whole: anything but an object's place was written by the program.
      if (next != 0 && (next > kIndexMask || object_at(next) == nullptr)) report_overwritten(object);
      return object;
    }
  }
  return nullptr;
}

}  // namespace reslab
