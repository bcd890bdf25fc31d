// SPDX-License-Identifier: Apache-2.0
// States of a process with debug modes: what is in the quarantine, in the guard pool, and what was there before.
#include <reslab/reslab.h>

#include "failure.h"
#include "heap_states.h"
#include "stock.h"

namespace reentry::state {
namespace {

constexpr size_t kMostLeave = 8;  // of one call
constexpr size_t kSlots = 512;    // of the guard pool

// By nolock calls, which get no guarded objects: those do not go into the quarantine.
void quarantine(size_t bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    void* object = reslab_malloc_nolock(bytes, RESLAB_GROW);
    if (object == nullptr) fail("no memory to prepare with");
    reslab_free_nolock(object);
  }
}

}  // namespace

// It holds 64 KiB: 64 of these, and of others none, of which there may have been 2,048.
void quarantine_full(size_t) {
  constexpr size_t kOthers = 2048;
  quarantine(kQuarantined, 64 + kOthers / (kMostLeave - 1));
}

// 65,536 places.
void ring_full(size_t) {
  constexpr size_t kSmallest = 16, kPlaces = 1 << 16;
  quarantine(kSmallest, kPlaces);
}

void subject_quarantine_full(size_t bytes) {
  constexpr size_t kNestedKept = 48;  // what nested operations have put in meanwhile leaves first
  if (the_subject == nullptr) the_subject = allocate(bytes);
  quarantine(kQuarantined, kNestedKept);
}

// The smallest leave, each making little room for the subject.
void subject_many_to_leave(size_t bytes) {
  constexpr size_t kSmallest = 16, kFill = 3000;
  if (the_subject == nullptr) the_subject = allocate(bytes);
  quarantine(kSmallest, kFill);
}

void freed_long_ago(size_t bytes) {
  stock.take(bytes, 4);
  stock.give(0);
  quarantine(kQuarantined, 70);
}

void guards_used_up(size_t) {
  if (stock.count < kSlots) stock.take(16, kSlots - stock.count);
}

void guarded_by_nolock_free(size_t bytes) {
  release_stock();
  stock.take(bytes, kSlots);
  stock.give_nolock(0);
}

}  // namespace reentry::state
