// SPDX-License-Identifier: Apache-2.0
// States for the ways of an allocation: nothing in the magazine, and the objects are somewhere else.
#include "heap_states.h"

#include <reslab/reslab.h>

#include <new>

#include "cpu_slot.h"
#include "failure.h"
#include "stock.h"

namespace reentry::state {

void as_it_is(size_t) {}

void with_new_handler(size_t) {
  std::set_new_handler([] { std::set_new_handler(nullptr); });
}

void one_in_magazine(size_t bytes) { reslab_free(allocate(bytes)); }

void nowhere(size_t) { release_stock(); }

void nowhere_and_warm(size_t bytes) {
  release_stock();
  warm_up(bytes);
  release_stock();
}

void in_depot(size_t bytes) {
  release_stock();
  stock.take(bytes, kMagazine + 4 * kBlock);
  stock.give(0);
  empty_magazine(bytes);
}

void in_active_slab(size_t bytes) {
  release_stock();
  the_subject = allocate(bytes);
  empty_magazine(bytes);
}

void in_partial_slab(size_t bytes) {
  release_stock();
  stock.take(bytes, 10);
  reslab_trim(0);
}

// Partial slabs with one free object each: a refill looks at several, and deactivates them.
void in_almost_full_slabs(size_t bytes) {
  release_stock();
  const size_t capacity = 5 * (size_t{64} << 10) / bytes;
  stock.take(bytes, capacity);
  for (size_t i = 7; i < stock.count; i += (size_t{64} << 10) / bytes) {
    reslab_free(stock.objects[i]);
    stock.objects[i] = stock.objects[--stock.count];
  }
  reslab_trim(0);
}

namespace {

constexpr size_t kFew = 16;

// `count` objects on this slot's deferred list, nothing in its magazine: a nolock free goes to the list when that is full.
void defer(size_t bytes, size_t count) {
  stock.take(bytes, kMagazine + count);
  empty_magazine(bytes);
  stock.give_nolock(0);
  empty_magazine(bytes);
}

void defer_on_other_slot(size_t bytes, size_t count) {
  static size_t object_bytes, object_count;
  object_bytes = bytes;
  object_count = count;
  on_other_slot([] { defer(object_bytes, object_count); });
}

}  // namespace

void in_own_deferred_list(size_t bytes) {
  release_stock();
  defer(bytes, kFew);
}

void in_other_deferred_list(size_t bytes) {
  release_stock();
  defer_on_other_slot(bytes, kFew);
}

void in_long_deferred_lists(size_t bytes) {
  release_stock();
  defer_on_other_slot(bytes, kMagazine);
  defer(bytes, kMagazine);
}

void active_slab_used_up(size_t bytes) {
  release_stock();
  stock.take(bytes, class_of(bytes).slab_bytes / reslab_good_size(bytes));
}

void next_class_has_some(size_t bytes) {
  release_stock();
  one_in_magazine(2 * bytes);
  stock.take(bytes, 1);
  empty_magazine(bytes);
}

}  // namespace reentry::state
