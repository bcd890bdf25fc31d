// SPDX-License-Identifier: Apache-2.0
// Free pages of slabs that are half empty, or more so. A few objects that are cached somewhere, one in each slab of a class
// that was large, would otherwise keep all of its memory: draining another CPU's magazine takes a system call that frees
// may not make.

#include "base/counters.h"
#include "base/hooks.h"
#include "platform/page_size.h"
#include "platform/vm.h"
#include "slab/slab.h"

namespace reslab {
namespace {

constexpr uint32_t kMaxWords = kUnitBytes / 16 / 64;

// All bits of a slab that are free at the moment, in the caller's hands: their objects are the caller's.
class HeldBits {
 public:
  HeldBits(std::atomic<uint64_t>* bits, uint32_t words) : bits_(bits), words_(words) {
    // acquire: the former users' stores are before what we do to the pages.
    for (uint32_t word = 0; word < words_; ++word) held_[word] = bits_[word].exchange(0, std::memory_order_acq_rel);
  }
  // release, and in the slab's marked state: nobody has to list it.
  ~HeldBits() {
    for (uint32_t word = 0; word < words_; ++word) {
      if (held_[word] != 0) bits_[word].fetch_or(held_[word], std::memory_order_release);
    }
  }
  HeldBits(const HeldBits&) = delete;
  HeldBits& operator=(const HeldBits&) = delete;

  bool has_all(uint32_t first, uint32_t last) const {
    for (uint32_t index = first; index <= last; ++index) {
      if ((held_[index / 64] >> (index % 64) & 1) == 0) return false;
    }
    return true;
  }

 private:
  std::atomic<uint64_t>* bits_;
  uint32_t words_;
  uint64_t held_[kMaxWords];
};

// Do all objects that touch this page belong to the holder? What lies behind the last object is nobody's.
bool is_free_page(const HeldBits& held, const ClassInfo& info, size_t page, size_t page_bytes) {
  const size_t first = page * page_bytes / info.object_bytes;
  const size_t last = ((page + 1) * page_bytes - 1) / info.object_bytes;
  const size_t end = info.capacity - 1;
  return first > end || held.has_all(static_cast<uint32_t>(first), static_cast<uint32_t>(last < end ? last : end));
}

}  // namespace

constinit std::atomic<bool> slabs_keep_pages{false};

void slab_purge_pages(uint32_t unit, SlabIdentity seen) {
  const ClassInfo& info = class_info(seen.cls);
  if (!pages_can_go(info)) return;
  Slab& slab = slab_at(unit);
  const int32_t free = slab.free_hint.load(std::memory_order_relaxed);
  const auto capacity = static_cast<int32_t>(info.capacity);
  if (2 * (capacity - free) > capacity - slab.free_when_purged.load(std::memory_order_relaxed)) return;
  // Before: whoever takes objects from now on says so after.
  slab.free_when_purged.store(free, std::memory_order_relaxed);
  const HeldBits held(slab_bits(unit, info), info.words);
  RESLAB_HOOK("slab_purge");
  const size_t page_bytes = system_page_bytes();
  const size_t pages = info.slab_units * kUnitBytes / page_bytes;
  for (size_t page = 0; page < pages; ++page) {
    size_t end = page;
    while (end < pages && is_free_page(held, info, end, page_bytes)) ++end;
    if (end == page) continue;
    const size_t bytes = (end - page) * page_bytes;
    if (vm_discard(unit_address(unit) + page * page_bytes, bytes)) counters.add(Counter::kPurgedBytes, bytes);
    page = end;  // which is in use
  }
}

}  // namespace reslab
