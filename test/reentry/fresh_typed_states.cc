// States of typed caches, groups and bounds in a process that has just begun.
#include <reslab/reslab.h>

#include "counted.h"
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
    .hold = [] {},
    .let_go = [] {},
    .visit_pages = [](void (*)(void*, void*), void*) {},
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

void constructed_out_and_repair_left(size_t bytes) {
  repair_left(bytes);
  reslab_free(the_subject);
  the_subject = the_last;
  the_last = nullptr;
  the_cache = constructed_charged_cache();
}

// Magazines of two classes have most of what a slot may hold of large objects, and that of a third one would be larger if
// they had not.
void large_budget_used_up(size_t bytes) {
  constexpr size_t kObjects = 12, kAllowed = 4;
  for (const size_t large : {size_t{256} << 10, size_t{224} << 10}) {
    for (int burst = 0; burst < 4; ++burst) {
      stock.take(large, kObjects);
      stock.give(0);
    }
  }
  stock.take(bytes, kObjects);
  the_subject = allocate(bytes);
  while (class_of(bytes).in_magazines < kAllowed) {
    if (stock.count == 0) fail("the magazine of %zu bytes does not take %zu", bytes, kAllowed);
    stock.give(stock.count - 1);
  }
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
