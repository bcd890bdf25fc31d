// SPDX-License-Identifier: Apache-2.0
// States for the ways of a free: full and cold magazines, full depots and lists, sparse classes.
#include "heap_states.h"

#include <reslab/reslab.h>

#include <utility>

#include "counted.h"
#include "cpu_slot.h"
#include "failure.h"
#include "hooks.h"
#include "stock.h"
#include "typed.h"

namespace reentry::state {

namespace {

constexpr size_t kSparseBytes = 3 << 19;      // of next to empty slabs: more than a class may hold and not be sparse
constexpr size_t kScatteredBytes = 16 << 20;  // likewise: more than 64 slabs, and than half of what is cached

// Slabs that keep an object each. The magazine is full; the others went past it, so that no flush has looked at the class
// yet.
void next_to_empty_slabs(size_t bytes, size_t total) {
  magazine_full(bytes);
  const size_t in_slab = class_of(bytes).slab_bytes / reslab_good_size(bytes);
  const size_t before = stock.count;
  stock.take(bytes, total / bytes);
  stock.give_all_but_one_in(in_slab, before);
  reslab_flush_deferred();  // into the slabs: what is on the list counts as used
}

}  // namespace

// Full to the last slot. A magazine that a sparse class has let cool takes fewer: then it is warmed up again.
void magazine_full(size_t bytes) {
  const size_t slots = slots_of(bytes);
  const size_t rest = slots < 2 * kBlock ? kBlock / 2 : kBlock;  // more than a flush of the class takes at once
  for (int tries = 0; tries < 3; ++tries) {
    release_stock();
    stock.take(bytes, slots + rest);
    the_subject = allocate(bytes);
    stock.give(stock.count - (slots - class_of(bytes).in_magazines));
    if (class_of(bytes).in_magazines == slots) return;
    release_stock();
    warm_up(bytes);
  }
  fail("the magazine of %zu bytes cannot be filled", bytes);
}

namespace {

// Of the other slot, where there are several nodes of the other node.
void take_elsewhere(size_t bytes, size_t count) {
  static size_t object_bytes, wanted;
  object_bytes = bytes;
  wanted = count;
  on_other_slot([] { stock.take(object_bytes, wanted); });
}

// What the next flush takes is all that was freed since the last one: so many of the other node's among it. The subject is
// our own.
void magazine_full_with_far_objects(size_t bytes, size_t far) {
  warm_up(bytes);
  release_stock();
  take_elsewhere(bytes, far);
  stock.take(bytes, 2 * kMagazine);
  the_subject = allocate(bytes);
  const Counted flushes("flush");
  while (flushes.count() == 0) {
    if (stock.count <= far + kBlock) fail("the magazine of %zu bytes does not overflow", bytes);
    stock.give(stock.count - 1);
  }
  for (size_t i = 0; i < far; ++i) {
    std::swap(stock.objects[i], stock.objects[stock.count - 1]);
    stock.give(stock.count - 1);
  }
  stock.give(stock.count - (kBlock - 1 - far));
  if (flushes.count() != 1) fail("the magazine of %zu bytes overflows early", bytes);
}

}  // namespace

void magazine_full_of_far_objects(size_t bytes) { magazine_full_with_far_objects(bytes, kBlock - 2); }
void magazine_full_of_a_few_far(size_t bytes) { magazine_full_with_far_objects(bytes, 8); }

void far_in_depot(size_t bytes) {
  static size_t object_bytes;
  object_bytes = bytes;
  release_stock();
  reslab_trim(0);
  on_other_slot([] {
    warm_up(object_bytes);
    stock.take(object_bytes, kMagazine + 4 * kBlock);
    stock.give(0);
  });
}

// Every second one, in slabs that can be seen.
void far_in_slabs(size_t bytes) {
  release_stock();
  take_elsewhere(bytes, 4 * kBlock);
  stock.give_all_but_one_in(2, 0);
  reslab_trim(0);
}

// A class whose slabs are next to empty, and few of them empty altogether.
void sparse_class(size_t bytes) { next_to_empty_slabs(bytes, kSparseBytes); }

namespace {

void warm_up_elsewhere(size_t bytes) {
  static size_t object_bytes;
  object_bytes = bytes;
  on_other_slot([] { warm_up(object_bytes); });
}

}  // namespace

// And a thread on the other slot has used it much.
void sparse_class_warm_elsewhere(size_t bytes) {
  warm_up_elsewhere(bytes);
  sparse_class(bytes);
}

void sparse_large_class_warm_elsewhere(size_t bytes) {
  constexpr size_t kMuch = 16 << 20;
  warm_up_elsewhere(bytes);
  next_to_empty_slabs(bytes, kMuch);
}

void scattered_class(size_t bytes) { next_to_empty_slabs(bytes, kScatteredBytes); }

// The magazine holds something behind the flush, unless it has been cooled before: then it is warmed up again.
void sparse_class_missing(size_t bytes) {
  for (int tries = 0; tries < 3; ++tries) {
    sparse_class(bytes);
    reslab_free(the_subject);  // a flush, which cools the magazine
    the_subject = nullptr;
    const size_t before = stock.count;
    empty_magazine(bytes);
    if (stock.count > before) return;
    release_stock();
    warm_up(bytes);
  }
  fail("the magazine of %zu bytes was empty", bytes);
}

namespace {

bool any(const void*) { return true; }

// Slabs that were full are empty, but for an object from the middle, the first one there that suits.
void empty_slabs_but_for(size_t bytes, bool (*suits)(const void* object)) {
  const size_t before = stock.count;
  stock.take(bytes, kSparseBytes / bytes);
  size_t index = before + (stock.count - before) / 2;
  while (!suits(stock.objects[index])) {
    if (++index == stock.count) fail("no object of %zu bytes suits", bytes);
  }
  the_last = stock.pick(index);
  stock.give_nolock(before);
  reslab_flush_deferred();
}

// The deferred list is full: there is no other way for that object than its bit.
void last_object(size_t bytes, bool (*suits)(const void* object)) {
  constexpr size_t kOther = 64;
  magazine_full(bytes);
  const size_t before = stock.count;
  stock.take(kOther, 2 * kMagazine + 2 * kBlock);  // before there are empty slabs, which would be made use of
  empty_slabs_but_for(bytes, suits);
  stock.give_nolock(before);
}

}  // namespace

void sparse_class_of_empty_slabs(size_t bytes) {
  magazine_full(bytes);
  empty_slabs_but_for(bytes, any);
}

// Each flush of a sparse class cools its magazine by one step, until it takes nothing; the class is sparse no longer when
// its empty slabs are given back.
void magazine_cold(size_t bytes) {
  sparse_class(bytes);
  const size_t before = stock.count;
  stock.take(bytes, 12 * kBlock);
  stock.give(before);
  stock.give_nolock(0);  // a plain free would warm it again
  reslab_trim(0);
}

void nowhere_and_cold(size_t bytes) {
  magazine_cold(bytes);
  release_stock();
}

// One miss or overflow more, and objects of this large class are cached.
void magazine_almost_warm(size_t bytes) {
  constexpr size_t kMisses = 7;
  magazine_cold(bytes);
  stock.take(bytes, kMisses);
}

// Blocks that are more than the magazine of this slot takes.
void in_depot_beyond_magazine(size_t bytes) {
  static size_t object_bytes;
  object_bytes = bytes;
  magazine_cold(bytes);
  on_other_slot([] {
    stock.take(object_bytes, 3 * kMagazine);
    stock.give(0);
  });
}

// More than the depot may hold: 2 MiB by default, of a class whose flushed blocks are large.
void magazine_full_depot_full(size_t bytes) {
  constexpr size_t kLarge = 8192, kCount = 400;
  magazine_full(bytes);
  const size_t before = stock.count;
  stock.take(kLarge, kCount);
  stock.give(before);
}

// 1,024 objects are all that a deferred list takes.
void magazine_full_deferred_full(size_t bytes) {
  magazine_full(bytes);
  const size_t before = stock.count;
  stock.take(bytes, 2 * kMagazine + 2 * kBlock);
  stock.give_nolock(before);
}

// The depot is looked through every 512 flushes of a class, for blocks that were idle since the last time.
void flush_before_ageing(size_t bytes) {
  size_t flushes = 0, given = 0;
  const auto count = [](void* counter) { ++*static_cast<size_t*>(counter); };
  const support::Hook flush("flush", count, &flushes);
  const support::Hook give("slab_give", count, &given);
  const size_t slots = slots_of(bytes);
  release_stock();
  const auto cycle = [&] {
    stock.take(bytes, slots + 2);
    stock.give(0);
  };
  const auto put_blocks_by = [&] {
    stock.take(bytes, 20 * slots);
    stock.give(0);
  };
  put_blocks_by();
  given = 0;
  for (size_t i = 0; i < 3 * 512 && given == 0; ++i) cycle();
  if (given == 0) fail("no flush looks for idle blocks");
  flushes = 0;
  put_blocks_by();
  while (flushes < 2 * 512 - 1) cycle();
  if (flushes != 2 * 512 - 1) fail("the flushes cannot be counted one by one");
  stock.take(bytes, 2 * slots);
  the_subject = allocate(bytes);
  stock.give(stock.count - (slots - class_of(bytes).in_magazines));
}

void last_object_of_slab(size_t bytes) { last_object(bytes, any); }

void last_object_of_word(size_t) {
  last_object(kLone, [](const void* object) {
    constexpr size_t kUnit = size_t{64} << 10;
    return reinterpret_cast<uintptr_t>(object) % kUnit == 64 * kLone;
  });
}

}  // namespace reentry::state
