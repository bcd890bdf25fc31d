// SPDX-License-Identifier: Apache-2.0
// States of typed caches, groups and bounds in a process that has just begun.
#include <reslab/reslab.h>

#include "counted.h"
#include "cpu_slot.h"
#include "failure.h"
#include "first_states.h"
#include "heap/rcu_core.h"
#include "heap_states.h"
#include "library.h"
#include "stock.h"
#include "typed.h"

namespace reentry::fresh {
namespace {

using reslab::kRcuCoreVersion;
using reslab::RcuClient;

reslab_cache* make_cache(size_t bytes, unsigned flags) {
  const reslab_cache_args args = {bytes, 0, flags, nullptr, nullptr};
  return reslab_cache_create("walked", &args);
}

// Grace periods of a reader that is there, or has gone.
bool is_over;
const RcuClient kClient = {
    .gp_start = [] { return uint64_t{1}; },
    .gp_poll = [](uint64_t) { return is_over; },
    .in_read_section = [] { return false; },
    .hold = [] { return true; },
    .let_go = [] {},
    .visit_pages = [](reslab::SeeObjects, void*) {},
};

void start_readers(const RcuClient* client) {
  using Core = decltype(reslab_rcu_core);
  const auto core = reinterpret_cast<Core*>(Library::get().symbol("reslab_rcu_core"))(kRcuCoreVersion);
  if (core == nullptr || !core->start(client)) fail("the library does not offer its retired bits");
}

}  // namespace

void with_groups(size_t) { make_typed(); }

void class_gone(size_t bytes) {
  make_typed();
  if (reslab_cache_destroy(make_cache(bytes, RESLAB_CACHE_NO_MERGE)) != 0) fail("a cache cannot be destroyed");
}

void many_classes(size_t bytes) {
  constexpr int kMany = 120;
  make_typed();
  for (int i = 0; i < kMany; ++i) {
    if (make_cache(bytes, RESLAB_CACHE_NO_MERGE) == nullptr) fail("no place for a cache");
  }
}

void no_class_left(size_t bytes) {
  make_typed();
  while (make_cache(bytes, RESLAB_CACHE_NO_MERGE) != nullptr) continue;  // ends: classes do
}

void class_of_other_size_left(size_t bytes) {
  make_typed();
  reslab_cache* last = nullptr;
  for (reslab_cache* one; (one = make_cache(bytes, RESLAB_CACHE_NO_MERGE)) != nullptr;) last = one;
  if (reslab_cache_destroy(last) != 0) fail("a cache cannot be destroyed");
}

void retiring_typed(size_t bytes) {
  make_typed();
  start_readers(nullptr);
  the_cache = typed_cache(bytes);
}

void retiring_dense(size_t bytes) {
  retiring_typed(bytes);
  the_cache = constructed_cache();
}

// A cache whose slabs outlive their readers.
void type_safe_slabs_empty(size_t bytes) {
  make_typed();
  start_readers(&kClient);
  serve_by(bytes, make_cache(bytes, RESLAB_CACHE_TYPESAFE_BY_RCU));
  state::sparse_class_of_empty_slabs(bytes);
}

void type_safe_slabs_over(size_t bytes) {
  is_over = true;
  type_safe_slabs_empty(bytes);
}

void scope_was_open(size_t) {
  constexpr size_t kCached = 64;
  make_typed();
  reslab_group_enter(the_group);
  reslab_group_leave();
  reslab_free(reslab_malloc(kCached));
}

void scope_is_open(size_t bytes) {
  make_typed();
  reslab_free(charge(the_group, bytes));
  reslab_group_enter(the_group);
}

void subject_in_scope(size_t bytes) {
  scope_is_open(bytes);
  the_subject = allocate(bytes);
}

void groups_and_repair_left(size_t bytes) {
  make_typed();
  repair_left(bytes);
}

void constructed_and_repair_left(size_t bytes) {
  groups_and_repair_left(bytes);
  the_cache = constructed_cache();
}

void charged_and_repair_left(size_t bytes) {
  groups_and_repair_left(bytes);
  the_cache = charged_cache();
}

void constructed_charged_and_repair_left(size_t bytes) {
  groups_and_repair_left(bytes);
  the_cache = constructed_charged_cache();
}

void constructed_out_and_repair_left(size_t bytes) {
  repair_left(bytes);
  reslab_free(the_subject);
  the_subject = the_last;
  the_last = nullptr;
  the_cache = constructed_charged_cache();
}

void run_of_cache_and_repair_left(size_t bytes) {
  groups_and_repair_left(bytes);
  reslab_free(the_subject);
  the_subject = reslab_cache_alloc(the_cache);
}

// Of the parent's, of a class without a magazine: no fast path takes it.
void small_out_and_repair_left(size_t bytes) {
  repair_left(bytes);
  reslab_free(the_subject);
  the_subject = stock.pick(0);
}

void typed_of_another(size_t) {
  on_other_thread([] {
    make_typed();
    the_subject = reslab_cache_alloc(the_cache);
  });
}

namespace {

// So often used that its magazine has its first few slots. Others are out meanwhile, or the class would be sparse; they go
// by nolock frees, which warm nothing.
void make_warm(size_t bytes) {
  constexpr size_t kMost = 64, kOut = 12;
  const size_t before = stock.count;
  stock.take(bytes, kOut);
  size_t tries = 0;
  for (; tries < kMost && class_of(bytes).in_magazines == 0; ++tries) reslab_free(allocate(bytes));
  if (tries == kMost) fail("no magazine of %zu bytes", bytes);
  stock.give_nolock(before);
}

// Then the magazine has so many slots, and would have twice as many if it might.
void fill_up_to(size_t bytes, size_t slots) {
  stock.take(bytes, 12);
  the_subject = allocate(bytes);
  while (class_of(bytes).in_magazines < slots) {
    if (stock.count == 0) fail("the magazine of %zu bytes does not take %zu", bytes, slots);
    stock.give(stock.count - 1);
  }
}

}  // namespace

// Magazines of two classes have most of what a slot may hold of large objects, and that of a third one would be larger if
// they had not. A fourth has its first few, which are not taken from it.
void large_budget_used_up(size_t bytes) {
  constexpr size_t kObjects = 12, kOfFew = 18432, kUnit = size_t{64} << 10;
  for (const size_t large : {size_t{256} << 10, size_t{224} << 10}) {
    for (int burst = 0; burst < 4; ++burst) {
      stock.take(large, kObjects);
      stock.give(0);
    }
  }
  make_warm(kOfFew);
  fill_up_to(bytes, bytes < kUnit ? 4 : 2);
}

void typed_large_budget_used_up(size_t bytes) {
  make_typed();
  serve_by(bytes, make_cache(bytes, RESLAB_CACHE_NO_MERGE));
  large_budget_used_up(bytes);
}

void large_budget_spread(size_t bytes) {
  constexpr size_t kLeast = 16 << 10;
  for (size_t large = kLeast; large < bytes; large = reslab_good_size(large + 1)) make_warm(large);
  fill_up_to(bytes, 4);
}

void large_budget_just_taken(size_t bytes) {
  large_budget_used_up(bytes);
  const Counted flushes("flush");
  stock.give(stock.count - 1);
  if (flushes.count() != 1) fail("a free of %zu bytes does not flush", bytes);
  for (const size_t large : {size_t{256} << 10, size_t{224} << 10}) {
    const size_t before = stock.count;
    for (int burst = 0; burst < 4; ++burst) {
      stock.take(large, 12);
      stock.give(before);
    }
  }
  while (class_of(bytes).in_magazines < 4) stock.give(stock.count - 1);
}

// The heap had twice as much in use, gave memory back, and has as much again.
void fallen(size_t bytes) {
  reslab_free(allocate(bytes));
  the_subject = allocate(bytes);
}

void fallen_and_risen(size_t bytes) {
  constexpr size_t kNeverKept = size_t{68} << 20;
  reslab_free(allocate(kNeverKept));
  stock.take(bytes, 1);
  the_subject = allocate(bytes);
}

// So much that the free of the subject makes it more than four times of what is in use at most.
void much_released(size_t bytes) {
  constexpr int kTimes = 4;
  for (int i = 0; i < kTimes; ++i) reslab_free(allocate(bytes));
  the_subject = allocate(bytes);
}

}  // namespace reentry::fresh
