// SPDX-License-Identifier: Apache-2.0
// States for runs, growth, reserves and the tide.
#include "heap_states.h"

#include <reslab/reslab.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "cpu_slot.h"
#include "failure.h"
#include "stock.h"

namespace reentry::state {

void subject_small(size_t bytes) {
  if (the_subject == nullptr) the_subject = allocate(bytes);
}

void subject_and_nothing_cached(size_t bytes) {
  subject_small(bytes);
  release_stock();
  reslab_trim(0);
}

void subject_of_units(size_t bytes) { subject_small(bytes); }

// A run with free units behind it: it was longer, or has been longer than its neighbour is.
void subject_before_free_units(size_t bytes) {
  release_stock();
  the_subject = allocate(4 * bytes);
  the_subject = reslab_realloc(the_subject, bytes);
}

void subject_before_used_units(size_t bytes) {
  release_stock();
  void* longer = allocate(2 * bytes);
  the_subject = reslab_realloc(longer, bytes);
  stock.take(bytes, 2);
}

// The kernel moves one mapping at a time.
void subject_of_two_mappings(size_t bytes) {
  subject_before_used_units(bytes);
  if (madvise(static_cast<char*>(the_subject) + bytes / 2, bytes / 4, MADV_NOHUGEPAGE) != 0) fail("madvise fails");
}

// No run of that length is free, and no commit ahead reaches so far.
void units_used_up(size_t bytes) {
  if (is_hoarding()) return;
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  const uint64_t before = stats.bytes_committed;
  constexpr int kMost = 4096;  // what rows before have left free is taken first
  for (int i = 0; i < kMost && stats.bytes_committed == before; ++i) {
    hoard(allocate(bytes));
    reslab_get_stats(&stats, sizeof stats);
  }
}

// A limit is set, far above what is used: the library gives the untouched rest of its reservation back, and what is needed
// later is reserved step by step.
void reservation_given_back(size_t bytes) {
  if (is_hoarding()) return;
  const struct rlimit limit = {rlim_t{1} << 42, RLIM_INFINITY};
  if (setrlimit(RLIMIT_AS, &limit) != 0) fail("the address space cannot be limited");
  units_used_up(bytes);
}

void freed_units(size_t bytes) { reslab_free(allocate(bytes)); }

void everything_cached(size_t bytes) {
  in_other_deferred_list(bytes);
  stock.take(bytes, kMagazine + 3 * kBlock);
  stock.give(kBlock);
  stock.give_nolock(0);
  one_in_magazine(8192);
  one_in_magazine(300000);
  one_in_magazine(5 << 20);
}

constexpr size_t kReserved = 4;

void reserve_filled(size_t bytes) {
  if (reserve == nullptr) reserve = reslab_reserve_create(bytes, kReserved);
  if (reserve == nullptr || reslab_reserve_refill(reserve) != 0) fail("no reserve to be had");
}

void reserve_emptied(size_t bytes) {
  reserve_filled(bytes);
  for (size_t i = 0; i < kReserved; ++i) reslab_free(reslab_reserve_alloc(reserve, bytes, 0));
}

void before_the_ebb(size_t bytes) {
  release_stock();
  const size_t count = (size_t{24} << 20) / bytes;  // the depot may hold 2 MiB of it, which count as used
  stock.take(bytes, count);
  stock.give(count * 45 / 256);
}

void in_the_ebb(size_t) {
  before_the_ebb(16384);
  stock.give(stock.count - kEbbFrees);
}

}  // namespace reentry::state
