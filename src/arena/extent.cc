// SPDX-License-Identifier: Apache-2.0
#include "arena/extent.h"

#include "base/for_tries.h"
#include "base/hooks.h"

namespace reslab {
namespace {

// Looks at a place that is taken: enough for a thread on another CPU to come from its mmap to the mark.
constexpr int kLooks = 8;

}  // namespace

void Extent::init(char* start, size_t stride, uint32_t reserved, uint32_t writable) {
  start_ = start;
  stride_ = stride;
  marks_.store(with_reserved(writable, reserved), std::memory_order_relaxed);  // the root's publication releases it
}

Place Extent::reserve(uint32_t needed, uint32_t wished) {
  Place place = Place::kOurs;
  for ([[maybe_unused]] int round : for_tries(kLooks)) {
    const uint32_t start = reserved();
    if (needed <= start) return Place::kOurs;
    uint32_t end = wished < needed ? needed : wished;
    place = vm_reserve_at(at(start), (end - start) * stride_);
    if (place != Place::kOurs && end > needed) {
      end = needed;
      place = vm_reserve_at(at(start), (end - start) * stride_);
    }
    if (place == Place::kNoSpace) break;
    if (place == Place::kTaken) continue;
    RESLAB_HOOK("extent_reserved");
    if (!publish_reserved(start, end)) vm_release(at(start), (end - start) * stride_);
  }
  return needed <= reserved() ? Place::kOurs : place;
}

// What we have mapped nobody else can map. It is ours to publish as long as the mark is where it was: others may have
// lowered it meanwhile, or skipped what we have mapped.
bool Extent::publish_reserved(uint32_t start, uint32_t end) {
  uint64_t marks = marks_.load(std::memory_order_relaxed);
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    if (reserved_of(marks) != start) return false;
    if (marks_.compare_exchange_weak(marks, with_reserved(marks, end), std::memory_order_acq_rel)) return true;
  }
  return false;
}

void Extent::skip_to(uint32_t end) {
  uint64_t marks = marks_.load(std::memory_order_acquire);
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    const uint32_t unused = writable_of(marks), reserved_end = reserved_of(marks);
    if (reserved_end >= end) return;
    if (!marks_.compare_exchange_weak(marks, skipped(marks, end), std::memory_order_acq_rel)) continue;
    // As in give_back: whoever moves the mark unmaps, once.
    if (unused < reserved_end) vm_release(at(unused), (reserved_end - unused) * stride_);
    return;
  }
}

bool Extent::commit(uint32_t end) {
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    uint64_t marks = marks_.load(std::memory_order_acquire);
    const uint32_t have = writable_of(marks);
    if (end <= have) return true;
    if (end > reserved_of(marks)) return false;
    RESLAB_HOOK("extent_commit");
    // What another thread has made writable meanwhile may be made so again.
    if (!vm_make_writable(at(have), (end - have) * stride_)) return false;
    RESLAB_HOOK("extent_committed");
    // release: the pages are writable before anyone sees the mark. A failure is another's progress.
    if (marks_.compare_exchange_strong(marks, with_writable(marks, end), std::memory_order_acq_rel)) return true;
  }
  return end <= writable();
}

void Extent::give_back(uint32_t keep) {
  uint64_t marks = marks_.load(std::memory_order_acquire);
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    const uint32_t least = writable_of(marks);
    const uint32_t end = keep > least ? keep : least;
    const uint32_t reserved_end = reserved_of(marks);
    if (end >= reserved_end) return;
    RESLAB_HOOK("extent_give_back");
    // Whoever lowers the mark unmaps, once.
    if (!marks_.compare_exchange_weak(marks, given_back(marks, end), std::memory_order_acq_rel)) continue;
    RESLAB_HOOK("extent_given_back");
    vm_release(at(end), (reserved_end - end) * stride_);
    return;
  }
}

}  // namespace reslab
