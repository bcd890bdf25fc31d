// SPDX-License-Identifier: Apache-2.0
// States of groups.
#include <cstring>

#include "failure.h"
#include "heap_states.h"
#include "stock.h"
#include "typed.h"
#include "typed_states.h"

namespace reentry::state {
namespace {

constexpr size_t kMostStock = 64 << 10;  // bytes that a stock holds at most
constexpr size_t kNearlyAll = 57344;     // of that, a size class

void set_limit(reslab_group* group, size_t bytes) {
  if (reslab_group_set_limit(group, bytes) != 0) fail("the limit of a group cannot be set to %zu", bytes);
}

// Nothing is charged, and no stock has anything: a limit of 0 is only granted then.
void drained(reslab_group* group, size_t limit) {
  release_stock();
  set_limit(group, 0);
  set_limit(group, limit);
}

// Two objects that together are more than a stock holds, and the first of them is freed.
void one_more_overflows(reslab_group* group) {
  void* first = charge(group, kNearlyAll);
  the_subject = charge(group, kNearlyAll);
  reslab_free(first);
}

constexpr size_t kLimit = 16 << 20;

using Charge = void* (*)(reslab_group* group, size_t bytes);

void shrunk_subject(Charge charged, size_t bytes) {
  release_stock();
  the_subject = reslab_realloc(charged(the_group, 4 * bytes), bytes);
}

// With free units behind it, and no byte of budget.
void subject_at_limit(Charge charged, size_t bytes) {
  drained(the_group, kLimit);
  shrunk_subject(charged, bytes);
  stock.objects[stock.count++] = charge(the_group, kLimit - reslab_group_usage(the_group) - kMostStock);
}

// By a call that no profile samples, of memory that is at hand.
void* charge_unsampled(reslab_group* group, size_t bytes) {
  reslab_free(reslab_malloc(bytes));
  const unsigned saved = reslab_nolock_save();
  void* object = reslab_group_malloc(group, bytes);
  reslab_nolock_restore(saved);
  return object;
}

}  // namespace

void charged_subject(size_t bytes) {
  if (the_subject == nullptr) the_subject = charge(the_group, bytes);
}

void charged_subject_alone(size_t bytes) {
  release_stock();
  charged_subject(bytes);
}

void charged_subject_before_free_units(size_t bytes) { shrunk_subject(charge, bytes); }

void unsampled_subject_before_free_units(size_t bytes) { shrunk_subject(charge_unsampled, bytes); }

void charged_subject_of_scope(size_t bytes) {
  if (the_subject == nullptr) the_subject = charge_scope(the_group, bytes);
}

void charged_subject_of_scope_before_free_units(size_t bytes) { shrunk_subject(charge_scope, bytes); }

void charged_subject_before_used_units(size_t bytes) {
  release_stock();
  the_subject = reslab_realloc(charge(the_group, 2 * bytes), bytes);
  stock.take(bytes, 2);
}

void charged_subject_at_limit(size_t bytes) { subject_at_limit(charge, bytes); }
void charged_subject_of_scope_at_limit(size_t bytes) { subject_at_limit(charge_scope, bytes); }

void inner_subject(size_t bytes) {
  if (the_subject == nullptr) the_subject = charge(the_nest().inner, bytes);
}

void inner_subject_alone(size_t bytes) {
  drained(the_nest().outer, Nest::kLimit);
  inner_subject(bytes);
}

void charged_by_cache(size_t) {
  if (the_subject == nullptr) the_subject = reslab_cache_alloc(charged_cache());
}

// The twin is there, and the stock of this CPU has something.
void charged_cached(size_t bytes) { reslab_free(charge(the_group, bytes)); }

void charged_nowhere(size_t bytes) {
  charged_cached(bytes);
  release_stock();
}

// The first free units that are enough, and exactly enough: freed, kept as a run, and then let go for another that grows.
void charged_nowhere_units_used(size_t bytes) {
  constexpr size_t kUnit = size_t{64} << 10, kSlab = 11 * kUnit;
  charged_nowhere(bytes);
  void* used = allocate(kSlab);
  stock.take(kSlab, 1);  // behind it
  memset(used, 0x5a, kSlab);
  reslab_free(used);
  void* grown = reslab_realloc(allocate(kUnit), kSlab + kUnit);
  if (grown == nullptr) fail("no memory to prepare with");
  stock.objects[stock.count++] = grown;
}

void charged_without_memory(size_t bytes) {
  charged_cached(bytes);
  nowhere_and_no_memory(bytes);
}

void stock_overflows(size_t) {
  drained(the_group, kLimit);
  one_more_overflows(the_group);
}

void inner_stock_overflows(size_t) {
  drained(the_nest().outer, Nest::kLimit);
  one_more_overflows(the_nest().inner);
}

void outer_is_in_stocks(size_t) {
  drained(the_nest().outer, Nest::kLimit);
  stock.objects[stock.count++] = charge(the_nest().inner, kNearlyAll);
  stock.objects[stock.count++] = charge(the_nest().sibling, 16);
}

void outer_is_full(size_t bytes) {
  outer_is_in_stocks(bytes);
  stock.objects[stock.count++] = charge(the_nest().inner, bytes);
}

}  // namespace reentry::state
