// SPDX-License-Identifier: Apache-2.0
// Size classes of malloc: 16 to 128 bytes by 16, then eight to a doubling up to 256 KiB, so that at most 12.5 % of an
// object is waste above 128 bytes. Ids 1 to 96; id 0 is "no object here"; further ids are given out at run time to runs,
// groups and caches (slab/class_table.h). Malloc's are computed at compile time.
//
// A slab is 1 to 16 units of one class, the shortest length whose unused tail is at most 3 % and which holds enough
// objects to be worth making.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "arena/geometry.h"
#include "platform/region.h"

namespace reslab {

using ClassId = uint32_t;

inline constexpr ClassId kNoClass = 0;
inline constexpr ClassId kMallocClasses = 97;  // ids below it, 0 included
inline constexpr ClassId kRunClass = kMallocClasses;
// In the unit map alone, for all units whose objects are charged to groups: its magazines are closed for ever, so their
// frees take the slow path, which asks the slab for its real class (33).
inline constexpr ClassId kChargedClass = kRunClass + 1;
inline constexpr ClassId kFirstCacheClass = kChargedClass + 1;  // made at run time: slab/class_table.h
inline constexpr uint32_t kMaxCacheClasses = 1024;
inline constexpr ClassId kClassEnd = kFirstCacheClass + kMaxCacheClasses;
inline constexpr size_t kMaxSmallBytes = size_t{256} << 10;
inline constexpr size_t kTableBytes = 8192;  // sizes up to this find their class by one load
inline constexpr uint32_t kMaxSlabUnits = 16;
inline constexpr uint32_t kInlineBits = 512;

// Is an offset in a slab the start of an object? `offset * inverse` wraps to q * (inverse * size - 2^64) when the offset is
// q objects, and to more than that otherwise; up to `last` it is one of the objects that the slab holds.
struct StartTest {
  uint64_t inverse;
  uint64_t last;
};

// What is particular about a class made at run time.
enum ClassFlag : uint16_t {
  kConstructed = 1,  // objects are constructed when their slab is made, and stay so
  kTypeSafe = 2,     // a slab outlives its objects by a grace period
  kCharged = 4,      // each object names its group, behind the last object of its slab
  kNoLink = 8,       // no link fits into a free object: it is not aligned to 16 bytes
};
inline constexpr uint16_t kKeepsContent = kConstructed | kTypeSafe;  // reslab never writes to an object (13)

struct ClassInfo {
  uint32_t object_bytes;
  uint16_t slab_units;
  uint16_t words;     // of the bitmap
  uint32_t capacity;  // objects in a slab
  uint32_t begin;     // first slot of the magazine, in words from the region's start
  uint32_t magazine;  // slots of the magazine at its largest
  uint32_t batch;     // objects moved at once
  uint64_t inverse;   // ceil(2^64 / object_bytes), see StartTest
  uint16_t flags;     // ClassFlag
  bool dense() const { return capacity > kInlineBits; }
  bool is(uint16_t any_of) const { return (flags & any_of) != 0; }
  // May a free object be linked through its first word?
  bool linkable() const { return !is(kKeepsContent | kNoLink); }
};

constexpr ClassId class_of_size(size_t bytes) {
  if (bytes <= 128) return bytes == 0 ? 1 : static_cast<ClassId>((bytes + 15) / 16);
  const unsigned width = 64 - static_cast<unsigned>(__builtin_clzll(bytes - 1));  // 129..256: 8
  return static_cast<ClassId>((width - 8) * 8 + ((bytes - 1) >> (width - 4)) + 1);
}

constexpr size_t object_bytes_of(ClassId cls) {
  if (cls <= 8) return size_t{16} * cls;
  const unsigned group = (cls - 9) / 8, step = (cls - 9) % 8;
  return (size_t{128} << group) + (size_t{16} << group) * (step + 1);
}

// Objects that move at once between a magazine and the depot or a slab, at most: a refill and a flush cost as much for
// many as for few, and a program that has more objects out than the magazine holds pays both for each batch.
inline constexpr uint32_t kMostBatch = 128;

namespace size_classes_detail {

constexpr uint32_t choose_slab_units(size_t bytes) {
  const uint32_t least = bytes <= 32768 ? 8 : bytes <= 65536 ? 4 : 2;
  uint32_t best = kMaxSlabUnits;
  size_t best_waste = kMaxSlabUnits * kUnitBytes;
  for (uint32_t units = 1; units <= kMaxSlabUnits; ++units) {
    const size_t span = units * kUnitBytes;
    if (span / bytes < least) continue;
    const size_t waste = span % bytes;
    if (waste * 100 <= span * 3) return units;
    if (waste * best < best_waste * units) {
      best = units;
      best_waste = waste;
    }
  }
  return best;
}

// 64 KiB of objects, more of small ones; but eight at least, of which a magazine gets no more than the budget of its slot
// for large objects lets it have (cache/policy.h).
constexpr uint32_t choose_magazine(size_t bytes) {
  if (bytes <= 64) return 1024;
  const size_t slots = kUnitBytes / bytes;
  return slots < 8 ? 8 : static_cast<uint32_t>(slots);
}

constexpr uint32_t choose_batch(uint32_t magazine) {
  return magazine < 2 ? 1 : magazine / 2 < kMostBatch ? magazine / 2 : kMostBatch;
}

struct Table {
  ClassInfo info[kMallocClasses] = {};
  uint8_t by_size[kTableBytes / 16 + 1] = {};
  uint32_t arrays_end = 0;

  constexpr Table() {
    uint32_t next = kFirstArray;
    for (ClassId cls = 1; cls < kMallocClasses; ++cls) {
      ClassInfo& c = info[cls];
      c.object_bytes = static_cast<uint32_t>(object_bytes_of(cls));
      c.slab_units = static_cast<uint16_t>(choose_slab_units(c.object_bytes));
      c.capacity = static_cast<uint32_t>(c.slab_units * kUnitBytes / c.object_bytes);
      c.words = static_cast<uint16_t>((c.capacity + 63) / 64);
      c.magazine = choose_magazine(c.object_bytes);
      c.batch = choose_batch(c.magazine);
      c.begin = next + 1;  // behind its sentinel
      c.inverse = UINT64_MAX / c.object_bytes + 1;
      next = c.begin + c.magazine;
    }
    arrays_end = next;
    for (size_t i = 0; i < sizeof by_size; ++i) by_size[i] = static_cast<uint8_t>(class_of_size(i * 16));
  }
};

}  // namespace size_classes_detail

inline constexpr size_classes_detail::Table kSizeClasses;

static_assert(object_bytes_of(kMallocClasses - 1) == kMaxSmallBytes &&
              class_of_size(kMaxSmallBytes) == kMallocClasses - 1);
static_assert(kSizeClasses.arrays_end < kArraysEnd / 2, "the rest is for the magazines of caches (34)");

extern constinit std::atomic<const ClassInfo*> published_cache_classes __attribute__((visibility("hidden")));

// Of a class of either kind; of one made at run time; of one of malloc's, where there may be no root yet.
inline const ClassInfo& cache_class_info(ClassId cls) {
  return published_cache_classes.load(std::memory_order_relaxed)[cls - kFirstCacheClass];
}
constexpr const ClassInfo& malloc_class_info(ClassId cls) { return kSizeClasses.info[cls]; }
inline const ClassInfo& class_info(ClassId cls) {
  return __builtin_expect(cls < kMallocClasses, 1) ? malloc_class_info(cls) : cache_class_info(cls);
}

// The smallest class whose objects are all aligned to `align` (a power of two up to a unit) and hold `bytes`; kNoClass if
// there is none.
constexpr ClassId class_of_aligned(size_t align, size_t bytes) {
  for (ClassId cls = class_of_size(bytes < align ? align : bytes); cls < kMallocClasses; ++cls) {
    if ((object_bytes_of(cls) & (align - 1)) == 0) return cls;
  }
  return kNoClass;
}

// Where the bucket of a class is contended, one of the next larger classes may serve in its place, whose objects have the
// alignment of its own (64 goes to 128): so many are tried. `after` is the one tried before, at first the class itself;
// kNoClass: there are no more.
inline constexpr int kStandIns = 3;
constexpr ClassId next_bucket(ClassId cls, ClassId after) {
  const size_t bytes = object_bytes_of(cls), alignment = bytes & -bytes;
  for (ClassId other = after + 1; other < kMallocClasses; ++other) {
    // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): no class has objects of no bytes
    if (object_bytes_of(other) % alignment == 0) return other;
  }
  return kNoClass;
}

// An object's place in its slab, and whether an offset is the start of one.
constexpr uint32_t object_index(const ClassInfo& info, size_t offset) {
  return static_cast<uint32_t>((static_cast<unsigned __int128>(info.inverse) * offset) >> 64);
}
constexpr StartTest start_test(const ClassInfo& info) {
  return {info.inverse,
          (info.capacity - 1) * (info.inverse * info.object_bytes)};  // the product wraps to its remainder
}
// The test passes a tail behind the last object where the size is a power of two.
constexpr bool is_object_start(const ClassInfo& info, size_t offset) {
  return offset * info.inverse <= start_test(info).last && object_index(info, offset) < info.capacity;
}

}  // namespace reslab
