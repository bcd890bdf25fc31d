// SPDX-License-Identifier: Apache-2.0
// Objects taken from slabs and given back to them, by their bits.
#include <bit>

#include "base/for_tries.h"
#include "base/hooks.h"
#include "slab/inner.h"

namespace reslab {

void slab_note_free(Slab& slab, SlabClass& cls, const ClassInfo& info, int32_t n) {
  const int32_t before = slab.free_hint.fetch_add(n, std::memory_order_relaxed);
  const auto capacity = static_cast<int32_t>(info.capacity);
  if (before == capacity) cls.empty_slabs.fetch_sub(1, std::memory_order_relaxed);
  if (before + n == capacity) cls.empty_slabs.fetch_add(1, std::memory_order_relaxed);
  cls.free_objects.fetch_add(n, std::memory_order_relaxed);
}

void slab_put_back(uint32_t unit, std::atomic<uint64_t>& word, uint64_t bits) {
  word.fetch_or(bits, std::memory_order_seq_cst);
  RESLAB_HOOK("slab_put_back");
  const uint64_t state = slab_at(unit).state.load(std::memory_order_seq_cst);
  const bool described = identity_of(state).cls != kNoClass;
  if (described && (flags_of(state) & (kSlabActive | kSlabListed)) == 0) slab_relist(unit, identity_of(state));
}

bool slab_copy_info(uint32_t unit, SlabIdentity seen, ClassInfo& info) {
  info = class_info(seen.cls);
  // The slab is there still, so its class was while we copied. Behind that we touch words of this unit alone, by the shape
  // that they had; what they hold says whose they are (6c).
  std::atomic_thread_fence(std::memory_order_acquire);
  return identity_of(slab_at(unit).state.load(std::memory_order_acquire)) == seen;
}

namespace {

// Of a block in this thread's hand. After the hints: what a block counts is counted as taken, or a recovery that gives it
// back would find more free objects than there are. release: who sees the count sees the objects it covers.
void raise(std::atomic<uint16_t>& count, uint32_t n) {
  const uint32_t so_far = count.load(std::memory_order_relaxed) + n;
  count.store(static_cast<uint16_t>(so_far), std::memory_order_release);
}

}  // namespace

uint32_t slab_take(uint32_t unit, SlabIdentity seen, void** out, uint32_t want, std::atomic<uint16_t>* count) {
  ClassInfo info;
  if (!slab_copy_info(unit, seen, info)) return 0;
  Slab& slab = slab_at(unit);
  std::atomic<uint64_t>* bits = slab_bits(unit, info);
  char* base = unit_address(unit);
  const uint32_t from = slab.search_from.load(std::memory_order_relaxed);
  const unsigned turn = from % 64;  // of each word
  uint32_t word = from / 64 < info.words ? from / 64 : 0;
  uint32_t got = 0;
  for (uint32_t left = info.words; left > 0 && got < want; --left) {
    if (bits[word].load(std::memory_order_relaxed) != 0) {
      RESLAB_HOOK("slab_take");
      // acquire: pairs with the give that set the bits; the former user's stores are before ours.
      uint64_t taken = bits[word].exchange(0, std::memory_order_acq_rel);
      RESLAB_HOOK("slab_exchanged");
      if (!(slab_identity(unit) == seen)) {  // (6c)
        if (taken != 0) slab_put_back(unit, bits[word], taken);
        break;
      }
      if (taken != 0) slab.grace_period.store(0, std::memory_order_relaxed);  // before anybody has the objects
      const uint32_t first_got = got;
      taken = std::rotr(taken, static_cast<int>(turn));
      while (taken != 0 && got < want) {
        const auto index = static_cast<size_t>(word * 64 + (static_cast<unsigned>(__builtin_ctzll(taken)) + turn) % 64);
        out[got++] = base + index * info.object_bytes;
        taken &= taken - 1;
      }
      RESLAB_HOOK("slab_taken");
      if (got != first_got) {
        slab_note_free(slab, slab_class(seen.cls), info, -static_cast<int32_t>(got - first_got));
        if (count != nullptr) raise(*count, got - first_got);
      }
      taken = std::rotl(taken, static_cast<int>(turn));
      if (taken != 0) slab_put_back(unit, bits[word], taken);  // more than wanted: as if never taken
    }
    if (got < want) word = word + 1 == info.words ? 0 : word + 1;
  }
  slab.search_from.store(word * 64, std::memory_order_relaxed);
  slab.free_when_purged.store(0, std::memory_order_relaxed);
  return got;
}

void* slab_take_one(uint32_t unit, SlabIdentity seen) {
  ClassInfo info;
  if (!slab_copy_info(unit, seen, info)) return nullptr;
  std::atomic<uint64_t>* bits = slab_bits(unit, info);
  for (uint32_t word = 0; word < info.words; ++word) {
    uint64_t free = bits[word].load(std::memory_order_relaxed);
    for ([[maybe_unused]] int round : for_tries(kCasTries)) {
      if (free == 0) break;
      const uint64_t bit = free & -free;
      RESLAB_HOOK("slab_take_one");
      const uint64_t old = bits[word].fetch_and(~bit, std::memory_order_acq_rel);
      if ((old & bit) != 0) {
        RESLAB_HOOK("slab_one_taken");
        if (!(slab_identity(unit) == seen)) {  // (6c)
          slab_put_back(unit, bits[word], bit);
          return nullptr;
        }
        slab_note_free(slab_at(unit), slab_class(seen.cls), info, -1);
        slab_at(unit).free_when_purged.store(0, std::memory_order_relaxed);
        slab_at(unit).grace_period.store(0, std::memory_order_relaxed);
        const auto index = static_cast<size_t>(word * 64 + static_cast<uint32_t>(__builtin_ctzll(bit)));
        return unit_address(unit) + index * info.object_bytes;
      }
      free = old;
    }
  }
  return nullptr;
}

// Against deactivation and popping, as Dekker: this side sets bits, then reads flags; the other side clears its flag, then
// reads bits. Both are seq_cst, so at least one of them sees that the slab must be listed.
uint64_t slab_give(uint32_t unit, uint32_t word, uint64_t mask) {
  Slab& slab = slab_at(unit);
  const SlabIdentity seen = slab_identity(unit);  // cannot change while an object of it is out
  const ClassInfo& info = class_info(seen.cls);
  slab_note_free(slab, slab_class(seen.cls), info, __builtin_popcountll(mask));
  RESLAB_HOOK("slab_give");
  const uint64_t old = slab_bits(unit, info)[word].fetch_or(mask, std::memory_order_seq_cst);
  RESLAB_HOOK("slab_given");
  if ((old & mask) != 0) slab_note_free(slab, slab_class(seen.cls), info, -__builtin_popcountll(old & mask));
  const uint64_t state = slab.state.load(std::memory_order_seq_cst);
  if ((flags_of(state) & (kSlabActive | kSlabListed)) == 0 && identity_of(state) == seen) slab_relist(unit, seen);
  return old & mask;
}

bool slab_has_free(const ObjectPlace& place) {
  const ClassInfo& info = class_info(place.cls);
  const uint32_t index = object_index(info, place.offset);
  return (slab_bits(place.unit, info)[index / 64].load(std::memory_order_relaxed) >> (index % 64) & 1) != 0;
}

bool slab_give_object(void* object) {
  const ObjectPlace place = place_of(object);
  // Freed twice, and its slab retired in between: there may be a run by now, or nothing.
  if (!is_slab_class(place.cls)) return false;
  const ClassInfo& info = class_info(place.cls);
  if (!is_object_start(info, place.offset)) return false;
  const uint32_t index = object_index(info, place.offset);
  return slab_give(place.unit, index / 64, uint64_t{1} << (index % 64)) == 0;
}

namespace {

constexpr uint32_t kSortedAtOnce = 64;

// An object of these that was free before, or comes twice; nullptr: none.
void* give_sorted(ClassId cls, void** objects, uint32_t count) {
  // Insertion sort: at most kSortedAtOnce pointers that mostly come in runs.
  for (uint32_t i = 1; i < count; ++i) {
    void* object = objects[i];
    uint32_t j = i;
    for (; j > 0 && objects[j - 1] > object; --j) objects[j] = objects[j - 1];
    objects[j] = object;
  }
  const ClassInfo& info = class_info(cls);
  void* double_freed = nullptr;
  for (uint32_t i = 0; i < count;) {
    const ObjectPlace place = place_of(objects[i]);
    if (place.cls != cls) {  // freed twice, and its slab retired in between
      double_freed = objects[i];
      ++i;
      continue;
    }
    const uint32_t word = object_index(info, place.offset) / 64;
    uint64_t mask = 0;
    for (; i < count; ++i) {  // ends: i grows
      const ObjectPlace other = place_of(objects[i]);
      const uint32_t index = object_index(info, other.offset);
      if (other.unit != place.unit || index / 64 != word) break;
      const uint64_t bit = uint64_t{1} << (index % 64);
      if ((mask & bit) != 0) double_freed = objects[i];
      mask |= bit;
    }
    const uint64_t free_before = slab_give(place.unit, word, mask);
    if (free_before != 0) {
      const auto index = static_cast<size_t>(word * 64 + static_cast<uint32_t>(__builtin_ctzll(free_before)));
      double_freed = unit_address(place.unit) + index * info.object_bytes;
    }
  }
  return double_freed;
}

}  // namespace

void* slab_give_sorted(ClassId cls, void** objects, uint32_t count) {
  void* double_freed = nullptr;
  for (uint32_t i = 0; i < count; i += kSortedAtOnce) {
    const uint32_t left = count - i;
    void* twice = give_sorted(cls, objects + i, left < kSortedAtOnce ? left : kSortedAtOnce);
    if (twice != nullptr) double_freed = twice;
  }
  return double_freed;
}

}  // namespace reslab
