// SPDX-License-Identifier: Apache-2.0
// States in which something has run out: units, writable memory, the depot's blocks.
#include <reslab/reslab.h>
#include <sys/resource.h>

#include "failure.h"
#include "heap_states.h"
#include "stock.h"

namespace reentry::state {
namespace {

constexpr size_t kUnit = size_t{64} << 10;

}  // namespace

void units_are_back(size_t) {
  release_hoard();
  release_stock();
}

void nowhere_and_no_memory(size_t bytes) {
  units_are_back(bytes);
  hoard_units();
}

// The last free unit, next to a run that is put aside.
void one_unit_left(size_t bytes) {
  constexpr size_t kRunBytes = 2 << 20;
  units_are_back(bytes);
  the_last = reslab_pages_alloc_nolock(9, RESLAB_GROW);
  if (the_last == nullptr) fail("no memory to prepare with");
  hoard_units();
  the_last = reslab_realloc(the_last, kRunBytes - kUnit);
}

// The system refuses to make further memory writable, too, but the depot has blocks of another class.
void memory_in_the_depot_only(size_t bytes) {
  constexpr size_t kOther = 6144, kObjects = 100;  // less than the depot may hold
  units_are_back(bytes);
  stock.take(kOther, kObjects);
  stock.give(0);
  hoard_units();
  limit_data();
  // Nor are there empty slabs of others, which a call that is not plain takes as well.
  for (void* object; (object = reslab_malloc_nolock(bytes, RESLAB_GROW)) != nullptr;) hoard(object);
}

// No unit is free, but two classes have several slabs that are empty, and one of them a slab that is not.
void only_empty_slabs(size_t bytes) {
  constexpr size_t kFirst = 6144, kSecond = 7168, kUnits = 40;
  units_are_back(bytes);
  stock.take(kFirst, kUnits * kUnit / kFirst);
  the_last = stock.pick(stock.count / 2);
  stock.take(kSecond, kUnits * kUnit / kSecond);
  hoard_units();
  stock.give_nolock(0);
  reslab_flush_deferred();
}

// The depot has nothing, and its count says that it has: calls were left by a jump between the two.
void depot_with_drift(size_t bytes) {
  in_depot(bytes);
  while (class_of(bytes).in_depot > 0) jump_out_of_malloc(bytes, "depot_take");
}

}  // namespace reentry::state
