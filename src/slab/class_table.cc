// SPDX-License-Identifier: Apache-2.0
#include "slab/class_table.h"

#include "base/for_tries.h"
#include "base/hooks.h"
#include "base/text.h"
#include "platform/fast_path.h"

namespace reslab {

constinit std::atomic<ClassTable*> published_class_table{nullptr};
constinit std::atomic<const ClassInfo*> published_cache_classes{nullptr};

namespace {

constexpr size_t kLeastStride = 16;  // a dense bitmap has one bit for each 16 bytes
constexpr size_t kLineBytes = 64;
constexpr size_t kTagBytes = 2;  // of a charged object: its account, behind the last object
constexpr uint32_t kLeastMagazine = 4;
constexpr uint32_t kMostMagazine = 512;
constexpr uint32_t kWords = kArraysEnd - kSizeClasses.arrays_end;  // of a region, for these magazines
constexpr uint32_t kShare = 64;                                    // of the room that is left, which one class may take

constexpr uint32_t wanted_magazine(size_t stride) {
  const size_t slots = kUnitBytes / stride;
  return slots > kMostMagazine ? kMostMagazine : slots < kLeastMagazine ? kLeastMagazine : static_cast<uint32_t>(slots);
}

// The shortest slab whose unused tail is at most 1 %, or the best there is; malloc's classes allow themselves 3 %.
uint32_t plan_units(size_t stride) {
  const uint32_t least = stride <= 32768 ? 8 : stride <= 65536 ? 4 : 2;
  uint32_t best = kMaxSlabUnits;
  size_t best_waste = kMaxSlabUnits * kUnitBytes;
  for (uint32_t units = 1; units <= kMaxSlabUnits; ++units) {
    const size_t span = units * kUnitBytes;
    const size_t waste = span % stride;
    if (span / stride < least) continue;
    if (waste * 100 <= span) return units;
    if (waste * best < best_waste * units) {
      best = units;
      best_waste = waste;
    }
  }
  return best;
}

// `begin`, `magazine`: the first slot of its magazine and how many it has.
ClassInfo plan_info(const ClassPlan& plan, uint32_t begin, uint32_t magazine) {
  ClassInfo info = {};
  const size_t each = plan.stride + ((plan.flags & kCharged) != 0 ? kTagBytes : 0);
  info.object_bytes = static_cast<uint32_t>(plan.stride);
  info.slab_units = static_cast<uint16_t>(plan_units(each));
  info.capacity = static_cast<uint32_t>(info.slab_units * kUnitBytes / each);
  info.words = static_cast<uint16_t>((info.capacity + 63) / 64);
  info.flags = static_cast<uint16_t>(plan.flags | (plan.stride % 16 != 0 ? kNoLink : 0));
  info.begin = begin;
  info.magazine = magazine;
  info.batch = size_classes_detail::choose_batch(magazine);
  info.inverse = UINT64_MAX / plan.stride + 1;
  return info;
}

}  // namespace

size_t plan_stride(size_t bytes, size_t align) {
  if ((align & (align - 1)) != 0 || align > kUnitBytes || bytes > kMaxSmallBytes) return 0;
  if (bytes == 0) bytes = 1;
  if (align == 0) align = bytes % 16 == 0 || bytes < 16 ? 16 : 8;
  if (align < 8) align = 8;
  size_t stride = round_up(bytes < kLeastStride ? kLeastStride : bytes, align);
  const bool is_coloured = stride >= 4096 && stride % 1024 == 0 && align <= kLineBytes;
  if (is_coloured && stride < kMaxSmallBytes) stride += kLineBytes;
  return stride <= kMaxSmallBytes ? stride : 0;
}

// A class that has gone, with a magazine of a size between these.
uint32_t ClassTable::claim_retired(uint32_t least, uint32_t most) {
  const uint32_t made = made_.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < made; ++i) {
    uint32_t expected = kRetired;
    const bool is_retired = classes_[i].state.load(std::memory_order_relaxed) == kRetired;
    if (!is_retired || info_[i].magazine < least || info_[i].magazine > most) continue;
    if (classes_[i].state.compare_exchange_strong(expected, kClaimed, std::memory_order_acquire)) return i;
  }
  return kMaxCacheClasses;
}

// Words first: an id without room would be of no use, words without an id are only lost.
uint32_t ClassTable::claim_new(uint32_t magazine) {
  uint32_t taken = words_.load(std::memory_order_relaxed);
  bool has_room = false;
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    const uint32_t share = (kWords - taken) / kShare;
    if (magazine > share) magazine = share < kLeastMagazine ? kLeastMagazine : share;
    if (taken + 1 + magazine > kWords) return kMaxCacheClasses;
    RESLAB_HOOK("class_room");
    has_room = words_.compare_exchange_weak(taken, taken + 1 + magazine, std::memory_order_relaxed);
    if (has_room) break;
  }
  uint32_t index = made_.load(std::memory_order_relaxed);
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    if (!has_room || index >= kMaxCacheClasses) return kMaxCacheClasses;
    RESLAB_HOOK("class_id");
    if (!made_.compare_exchange_weak(index, index + 1, std::memory_order_acq_rel)) continue;
    info_[index].begin = kSizeClasses.arrays_end + taken + 1;  // behind its sentinel
    info_[index].magazine = magazine;
    return index;
  }
  return kMaxCacheClasses;
}

ClassId ClassTable::make(const ClassPlan& plan) {
  const uint32_t magazine = wanted_magazine(plan.stride);
  uint32_t index = claim_retired(magazine / 2, 2 * magazine);
  if (index == kMaxCacheClasses) index = claim_new(magazine);
  if (index == kMaxCacheClasses) index = claim_retired(0, UINT32_MAX);
  if (index == kMaxCacheClasses) return kNoClass;
  RESLAB_HOOK("class_claimed");
  const ClassId cls = kFirstCacheClass + index;
  info_[index] = plan_info(plan, info_[index].begin, info_[index].magazine);
  fast_path.start_tests.load(std::memory_order_relaxed)[cls] = start_test(info_[index]);
  classes_[index].constructor = plan.constructor;
  copy_text(classes_[index].name, sizeof classes_[index].name, plan.name);
  classes_[index].users.store(1, std::memory_order_relaxed);
  // release: all of it; whoever sees the class ready, or an object of it, sees what it is.
  classes_[index].state.store(kReady, std::memory_order_release);
  return cls;
}

void ClassTable::retire(ClassId cls) { of(cls).state.store(kRetired, std::memory_order_release); }

bool ClassTable::join(ClassId cls) {
  uint32_t users = of(cls).users.load(std::memory_order_relaxed);
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    if (users == 0 || !is_ready(cls)) return false;
    if (of(cls).users.compare_exchange_weak(users, users + 1, std::memory_order_acq_rel)) return true;
  }
  return false;
}

// None are left already where a thread of the parent was leaving as the last one when this child was forked. Of a class that
// caches share one is too few then: who destroys them all is told of the others' objects, and should not go on with them.
bool ClassTable::leave(ClassId cls) {
  uint32_t users = of(cls).users.load(std::memory_order_relaxed);
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    if (users == 0) return true;
    if (of(cls).users.compare_exchange_weak(users, users - 1, std::memory_order_acq_rel)) return users == 1;
  }
  return false;  // as one of many, whose count is too high from now on
}

ClassId next_slab_class(ClassId cls, ClassId end) {
  while (cls < end && !is_slab_class(cls)) ++cls;
  return cls;
}

}  // namespace reslab
