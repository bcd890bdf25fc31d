// SPDX-License-Identifier: Apache-2.0
// Calls of a process with debug modes, which all take the slow entries: five tables, for processes with
//
//   debug         debug=FZPU:quarantine=64k
//   guards        debug=FZPUG:guard=1:quarantine=64k    each plain call of up to a page gets a guarded object
//   some classes  debug=FP,64:quarantine=0              objects of other classes are not tracked
//   caches        debug=FPU,walked, or another name     typed caches that the option names, or does not
//   ring          debug=F,16:quarantine=2m              more than the quarantine has places for
#include <reslab/reslab.h>

#include <cstring>

#include "deeds.h"
#include "failure.h"
#include "local_calls.h"
#include "tables.h"

namespace reentry {
namespace table {

using namespace state;

namespace {

constexpr size_t kInQuarantine = 5000;  // many of the smallest leave for it

std::vector<Operation> debug_allocations() {
  return {
      {"malloc, new stack", kMallocAnew, kSmall, 0, 0, kObject, kSmall, as_it_is, "stack_claimed",
       kFaults | kEachRace | kTakesStack},
      {"malloc", "malloc", kSmall, 0, 0, kObject, kSmall, freed_long_ago, nullptr, 0},
      {"malloc of nothing", "malloc", 0, 0, 0, kObject, 0, as_it_is, nullptr, 0},
      {"malloc of a middle size", "malloc", 20000, 0, 0, kObject, 20000, as_it_is, nullptr, 0},
      {"malloc of a run", "malloc", kRun, 0, 0, kObject, kRun, freed_units, nullptr, 0},
      {"malloc of the most there can be", "malloc", PTRDIFF_MAX, 0, 0, kObject, kSmall, as_it_is, nullptr,
       kMustFail | kMayFail},
      {"calloc", "calloc", 2, 32, 0, kObject, kSmall, freed_long_ago, nullptr, kZeroes},
      {"calloc of a run", "calloc", 1, kRun, 0, kObject, kRun, freed_units, nullptr, kZeroes},
      {"aligned_alloc", "aligned_alloc", 256, 300, 0, kObject, 300, freed_long_ago, nullptr, 0},
      {"aligned_alloc of pages", "posix_memalign", out_pointer(), 2 * kPage, kPage, kThroughPointer, kPage, as_it_is,
       nullptr, 0},
      {"an aligned run", "aligned_alloc", size_t{256} << 10, kRun, 0, kObject, kRun, freed_units, nullptr, 0},
      {"malloc_nolock", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, freed_long_ago, nullptr,
       kStrict | kMayFail},
      {"malloc_nolock ZERO", "reslab_malloc_nolock", kSmall, RESLAB_ZERO, 0, kObject, kSmall, freed_long_ago, nullptr,
       kStrict | kMayFail | kZeroes},
      {"malloc_nolock GROW", "reslab_malloc_nolock", kSmall, RESLAB_GROW, 0, kObject, kSmall, as_it_is, nullptr,
       kMayFail},
      {"aligned_alloc_nolock", "reslab_aligned_alloc_nolock", 128, kSmall, 0, kObject, 128, as_it_is, nullptr,
       kStrict | kMayFail},
      {"pages_alloc_nolock", "reslab_pages_alloc_nolock", 0, 0, 0, kObject, kPage, as_it_is, nullptr,
       kStrict | kMayFail},
      {"malloc in a nolock scope", "malloc", kSmall, 0, 0, kObject, kSmall, nowhere, nullptr,
       kInScope | kStrict | kMayFail},
  };
}

std::vector<Operation> debug_frees() {
  return {
      {"free, passed in the quarantine", "free", kIt, 0, 0, kNothing, kInQuarantine, subject_quarantine_full,
       "quarantine_leave", kOwnSubject, "quarantine_keep", deed::handler_turns_quarantine_over},
      {"free", "free", kIt, 0, 0, kNothing, kSmall, subject_small, nullptr, kOwnSubject},
      {"free, another leaves", "free", kIt, 0, 0, kNothing, kQuarantined, subject_quarantine_full, "quarantine_leave",
       kOwnSubject},
      {"free, many leave", "free", kIt, 0, 0, kNothing, kInQuarantine, subject_many_to_leave, "quarantine_leave",
       kOwnSubject},
      {"free of a run", "free", kIt, 0, 0, kNothing, kRun, subject_of_units, "quarantine_leave", kOwnSubject},
      {"free of nothing", "free", 0, 0, 0, kNothing, kSmall, as_it_is, nullptr, 0},
      {"free_nolock, another leaves", "reslab_free_nolock", kIt, 0, 0, kNothing, kQuarantined, subject_quarantine_full,
       "quarantine_leave", kOwnSubject | kStrict},
      {"free_nolock of a run", "reslab_free_nolock", kIt, 0, 0, kNothing, kRun, subject_of_units, "quarantine_leave",
       kOwnSubject | kStrict},
      {"free in a nolock scope", "free", kIt, 0, 0, kNothing, kQuarantined, subject_quarantine_full, "quarantine_leave",
       kInScope | kOwnSubject | kStrict},
      {"free_sized", "free_sized", kIt, kSmall, 0, kNothing, kSmall, subject_small, nullptr, kOwnSubject},
      {"free_sized of what it may be called", "free_sized", kIt, 112, 0, kNothing, 100, subject_small, nullptr,
       kOwnSubject},
      {"free_sized of a run", "free_sized", kIt, kRun, 0, kNothing, kRun, subject_of_units, nullptr, kOwnSubject},
      {"free_sized_nolock", "reslab_free_sized_nolock", kIt, kSmall, 0, kNothing, kSmall, subject_small, nullptr,
       kOwnSubject | kStrict},
      {"pages_free_nolock", "reslab_pages_free_nolock", kIt, 0, 0, kNothing, kPage, subject_small, nullptr,
       kOwnSubject | kStrict},
  };
}

std::vector<Operation> debug_others() {
  return {
      {"realloc grows", "realloc", kIt, 200, 0, kObject, kSmall, subject_small, nullptr, kOwnSubject},
      {"realloc shrinks", "realloc", kIt, 100, 0, kObject, 2000, subject_small, nullptr, kOwnSubject},
      {"realloc of a run", "realloc", kIt, 2 * kRun, 0, kObject, kRun, subject_of_units, nullptr, kOwnSubject},
      {"realloc to too much", "realloc", kIt, PTRDIFF_MAX, 0, kObject, kSmall, subject_small, nullptr,
       kMustFail | kMayFail},
      {"realloc in a nolock scope", "realloc", kIt, 200, 0, kObject, kSmall, subject_small, nullptr,
       kInScope | kMayFail | kOwnSubject},
      {"malloc_usable_size", "malloc_usable_size", kIt, 0, 0, Gives::kCount, kSmall, subject_small, nullptr, 0},
      {"malloc_usable_size of a run", "malloc_usable_size", kIt, 0, 0, Gives::kCount, kRun, subject_of_units, nullptr,
       0},
  };
}

}  // namespace

// But for what only magazines and deferred lists show.
std::vector<Operation> debug_of_caches() {
  std::vector<Operation> made;
  for (const Operation& one : cache_entries()) {
    if (one.passes == nullptr) made.push_back(one);
  }
  return made;
}

std::vector<Operation> debug_of_all() {
  std::vector<Operation> made;
  for (const auto& part : {debug_allocations(), debug_frees(), debug_others(), debug_of_caches()}) {
    made.insert(made.end(), part.begin(), part.end());
  }
  // Objects that are not tracked, where calls of malloc's meet them.
  for (const Operation& one : groups()) {
    if (strncmp(one.symbol, "reslab_group", 12) != 0) made.push_back(one);
  }
  // Last: no guarded object is made where objects are retired.
  made.push_back({"an object is retired", kRetire, kIt, 0, 0, kNothing, 100, subject_small, nullptr, kOwnSubject});
  made.push_back({"a run is retired", kRetire, kIt, 0, 0, kNothing, kRun, subject_of_units, nullptr, kOwnSubject});
  return made;
}

std::vector<Operation> debug_guards() {
  return {
      {"malloc", "malloc", kSmall, 0, 0, kObject, kSmall, as_it_is, "guard_claimed", kFaults | kEachRace},
      {"malloc of nothing", "malloc", 0, 0, 0, kObject, 0, as_it_is, "guard_claimed", 0},
      {"malloc of a page", "malloc", kPage, 0, 0, kObject, kPage, as_it_is, "guard_claimed", 0},
      {"malloc of more than a page", "malloc", kPage + 1, 0, 0, kObject, kPage + 1, as_it_is, nullptr, 0},
      {"calloc", "calloc", 2, 32, 0, kObject, kSmall, as_it_is, "guard_claimed", kZeroes},
      {"aligned_alloc", "aligned_alloc", 256, 300, 0, kObject, 300, as_it_is, "guard_claimed", 0},
      {"aligned_alloc by more than a page", "posix_memalign", out_pointer(), 2 * kPage, kSmall, kThroughPointer, kSmall,
       as_it_is, nullptr, 0},
      {"malloc, no slot is free", "malloc", kSmall, 0, 0, kObject, kSmall, guards_used_up, nullptr, 0},
      {"malloc, slots were left open", "malloc", kSmall, 0, 0, kObject, kSmall, guarded_by_nolock_free, "guard_claimed",
       kRare},
      {"malloc_nolock", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, as_it_is, nullptr, kStrict | kMayFail},
      {"free", "free", kIt, 0, 0, kNothing, kSmall, subject_small, "guard_free", kOwnSubject | kFaults},
      {"free_nolock", "reslab_free_nolock", kIt, 0, 0, kNothing, kSmall, subject_small, "guard_free",
       kOwnSubject | kStrict},
      {"free_sized", "free_sized", kIt, kSmall, 0, kNothing, kSmall, subject_small, "guard_free", kOwnSubject},
      {"pages_free_nolock", "reslab_pages_free_nolock", kIt, 0, 0, kNothing, kPage, subject_small, "guard_free",
       kOwnSubject | kStrict},
      {"realloc grows", "realloc", kIt, 200, 0, kObject, kSmall, subject_small, "guard_free", kOwnSubject},
      {"free, not guarded", "free", kIt, 0, 0, kNothing, kRun, subject_of_units, "quarantine_leave", kOwnSubject},
      {"realloc to too much", "realloc", kIt, PTRDIFF_MAX, 0, kObject, kSmall, subject_small, nullptr,
       kMustFail | kMayFail},
      {"malloc_usable_size", "malloc_usable_size", kIt, 0, 0, Gives::kCount, kSmall, subject_small, nullptr, 0},
      {"an object is retired", kRetire, kIt, 0, 0, kNothing, kSmall, subject_small, nullptr, kOwnSubject},
  };
}

// Without a quarantine and without zones the magazines are what they are elsewhere.
std::vector<Operation> debug_of_some_classes() {
  constexpr size_t kOther = 400;
  return {
      {"malloc, tracked", "malloc", kSmall, 0, 0, kObject, kSmall, one_in_magazine, nullptr, 0},
      {"malloc, not tracked", "malloc", kOther, 0, 0, kObject, kOther, one_in_magazine, nullptr, 0},
      {"malloc of nothing, not tracked", "malloc", 0, 0, 0, kObject, 0, as_it_is, nullptr, 0},
      {"calloc, tracked", "calloc", 2, 32, 0, kObject, kSmall, one_in_magazine, nullptr, kZeroes},
      {"calloc, not tracked", "calloc", 1, kOther, 0, kObject, kOther, one_in_magazine, nullptr, kZeroes},
      {"calloc of a run, not tracked", "calloc", 1, kRun, 0, kObject, kRun, freed_units, nullptr, kZeroes},
      {"a refill, tracked", "malloc", kSmall, 0, 0, kObject, kSmall, in_partial_slab, nullptr, 0},
      {"free, tracked", "free", kIt, 0, 0, kNothing, kSmall, subject_small, "quarantine_leave", kOwnSubject},
      {"free, not tracked", "free", kIt, 0, 0, kNothing, kOther, subject_small, nullptr, kOwnSubject},
      {"free of a run, not tracked", "free", kIt, 0, 0, kNothing, kRun, subject_of_units, nullptr, kOwnSubject},
      {"free, tracked, flush", "free", kIt, 0, 0, kNothing, kSmall, magazine_full, "flush", kOwnSubject},
      {"free_nolock, tracked, magazine full", "reslab_free_nolock", kIt, 0, 0, kNothing, kSmall, magazine_full,
       "slab_give", kOwnSubject | kStrict},
      {"free_nolock, not tracked, magazine full", "reslab_free_nolock", kIt, 0, 0, kNothing, kOther, magazine_full,
       "deferred_push", kOwnSubject | kStrict},
      {"free in a nolock scope, tracked, magazine full", "free", kIt, 0, 0, kNothing, kSmall, magazine_full,
       "slab_give", kInScope | kOwnSubject | kStrict},
      {"free_sized, tracked", "free_sized", kIt, kSmall, 0, kNothing, kSmall, subject_small, nullptr, kOwnSubject},
      {"free_sized, not tracked", "free_sized", kIt, kOther, 0, kNothing, kOther, subject_small, nullptr, kOwnSubject},
      {"malloc inside a refill, tracked", "malloc", kSmall, 0, 0, kObject, kSmall, in_partial_slab, nullptr, kInside},
      {"free inside a refill, tracked", "free", kIt, 0, 0, kNothing, kSmall, in_active_slab, nullptr,
       kInside | kOwnSubject},
      {"malloc while the lock is held, tracked", "malloc", kSmall, 0, 0, kObject, kSmall, in_partial_slab, nullptr,
       kUnderLock},
      {"realloc of a tracked object", "realloc", kIt, 200, 0, kObject, kSmall, subject_small, nullptr, kOwnSubject},
      {"realloc to a tracked object", "realloc", kIt, kSmall, 0, kObject, kOther, subject_small, nullptr, kOwnSubject},
      {"malloc_usable_size, not tracked", "malloc_usable_size", kIt, 0, 0, Gives::kCount, kOther, subject_small,
       nullptr, 0},
      {"an object is retired, not tracked", kRetire, kIt, 0, 0, kNothing, kOther, subject_small, nullptr, kOwnSubject},
  };
}

std::vector<Operation> debug_ring() {
  constexpr size_t kSmallest = 16;
  return {
      {"free, the oldest leaves", "free", kIt, 0, 0, kNothing, kSmallest, subject_small, "quarantine_leave",
       kOwnSubject},
      {"free_nolock, the oldest leaves", "reslab_free_nolock", kIt, 0, 0, kNothing, kSmallest, subject_small,
       "quarantine_leave", kOwnSubject | kStrict},
  };
}

Table of_debug_modes(const char* name) {
  if (strcmp(name, "debug") == 0) return {debug_of_all(), state::quarantine_full};
  if (strcmp(name, "guards") == 0) return {debug_guards(), state::quarantine_full};
  if (strcmp(name, "some classes") == 0) return {debug_of_some_classes(), state::as_it_is};
  if (strcmp(name, "caches") == 0) return {debug_of_caches(), state::as_it_is};
  if (strcmp(name, "ring") == 0) return {debug_ring(), state::ring_full};
  fail("there is no table '%s'", name);
}

}  // namespace table
}  // namespace reentry
