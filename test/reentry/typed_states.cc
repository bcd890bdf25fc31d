// SPDX-License-Identifier: Apache-2.0
// States of typed caches and of large classes.
#include "typed_states.h"

#include "counted.h"
#include "failure.h"
#include "heap_states.h"
#include "stock.h"
#include "typed.h"

namespace reentry::state {
namespace {

void* some(void* object) {
  if (object == nullptr) fail("no memory to prepare with");
  return object;
}

reslab_cache* const* all_caches() {
  static reslab_cache* all[] = {typed_cache(kTyped), typed_cache(kUnlinkable),    constructed_cache(),
                                charged_cache(),     constructed_charged_cache(), nullptr};
  return all;
}

void empty_all() {
  release_stock();
  for (reslab_cache* const* one = all_caches(); *one != nullptr; ++one) reslab_cache_shrink(*one);
}

}  // namespace

void none_cached(size_t) { empty_all(); }

void one_cached(size_t) {
  for (reslab_cache* const* one = all_caches(); *one != nullptr; ++one) {
    reslab_cache_free(*one, some(reslab_cache_alloc(*one)));
  }
}

void bulk_cached(size_t bytes) {
  release_stock();
  stock.take(bytes, kBulk);
  stock.give(0);
}

void few_cached(size_t bytes) {
  release_stock();
  stock.take(bytes, 1);
  empty_magazine(bytes);
  stock.take(bytes, kBulk / 4);
  empty_magazine(bytes);
  stock.give(stock.count - kBulk / 4);
}

void typed_subject(size_t bytes) {
  if (the_subject == nullptr) the_subject = allocate(bytes);
}

void constructed_subject(size_t) {
  if (the_subject == nullptr) the_subject = some(reslab_cache_alloc(constructed_cache()));
}

void bulk_out(size_t bytes) {
  release_stock();
  while (bulk_count < kBulk) bulk[bulk_count++] = allocate(bytes);
}

void bulk_out_and_no_room(size_t bytes) {
  magazine_full(bytes);
  while (bulk_count < kBulk) bulk[bulk_count++] = stock.pick(stock.count - 1);
}

// Frees between two flushes fill what a flush has emptied, however many slots the class has come to.
void before_flush(size_t bytes) {
  release_stock();
  warm_up(bytes);
  release_stock();
  stock.take(bytes, 3 * kBlock);
  const Counted flushes("flush");
  const auto give_until_flush = [&] {
    size_t given = 0;
    for (const size_t before = flushes.count(); flushes.count() == before; ++given) {
      if (stock.count == 0) fail("no free of %zu bytes flushes", bytes);
      stock.give(stock.count - 1);
    }
    return given;
  };
  give_until_flush();
  size_t last = 0;
  for (size_t given = give_until_flush(); given != last; given = give_until_flush()) last = given;
  stock.give(stock.count - (last - 1));
  the_subject = stock.pick(stock.count - 1);
}

// No unit is free, but two typed classes have several slabs that are empty, and one of them a slab that is not.
void only_empty_typed_slabs(size_t bytes) {
  constexpr size_t kUnits = 40, kUnit = size_t{64} << 10;
  units_are_back(bytes);
  stock.take(kTypedMiddle, kUnits * kUnit / kTypedMiddle);
  the_last = stock.pick(stock.count / 2);
  stock.take(kTypedLarge, kUnits * kUnit / kTypedLarge);
  hoard_units();
  stock.give_nolock(0);
  reslab_flush_deferred();
}

void typed_ebb_is_due(size_t bytes) {
  ebb_is_due(bytes);
  one_cached(bytes);
}

void room_for_old_is_missing(size_t bytes) {
  magazine_full(bytes);
  one_in_magazine(3 * bytes);
}

}  // namespace reentry::state
