// SPDX-License-Identifier: Apache-2.0
// States for the tide of the heap: the counters stand right before the call that acts.
#include <reslab/reslab.h>

#include "counted.h"
#include "failure.h"
#include "heap_states.h"
#include "stock.h"

namespace reentry::state {
namespace {

// Grows the heap and lets it shrink, object by object, until the ebb is seen or `most` are freed; how many were.
size_t grow_and_shrink(size_t most) {
  constexpr size_t kBytes = 4096, kCount = (size_t{16} << 20) / kBytes;
  constexpr size_t kSmall = 64, kSmallCount = 1200;
  release_stock();
  stock.take(kSmall, kSmallCount);  // for the magazine, the depot and the active slab that the ebb empties
  stock.give(0);
  stock.take(kBytes, kCount);
  const Counted let_go("release_active");
  size_t freed = 0;
  while (freed < most && stock.count > 0 && let_go.count() == 0) {
    stock.give(stock.count - 1);
    ++freed;
  }
  if (most > kCount) {
    if (let_go.count() == 0) fail("the ebb is not seen");
    stock.give_nolock(0);  // which is no flush
  }
  return freed;
}

}  // namespace

// One flush in 32 looks at the tide. Behind an ebb that was seen the count of flushes begins anew, so the same frees lead
// to the next one.
void ebb_is_due(size_t) {
  grow_and_shrink(SIZE_MAX);
  const size_t frees = grow_and_shrink(SIZE_MAX);
  grow_and_shrink(frees - 1);
  the_subject = stock.pick(stock.count - 1);
}

void cold_in_the_ebb(size_t bytes) {
  void* kept = allocate(bytes);
  grow_and_shrink(SIZE_MAX);
  the_subject = kept;
}

// One cold free in sixteen flushes, and one such flush in four looks at the tide: counted from the look that has seen the
// ebb, the subject's is the fourth.
void flushed_in_the_ebb(size_t bytes) {
  constexpr size_t kFlushes = 16, kLooks = 4;
  void* kept[(kLooks + 1) * kFlushes];
  constexpr size_t kKept = sizeof kept / sizeof kept[0];
  for (void*& object : kept) object = allocate(bytes);
  grow_and_shrink(SIZE_MAX);
  size_t freed = 0;
  {
    const Counted flushes("flush");
    while (freed < kFlushes && flushes.count() == 0) reslab_free(kept[freed++]);
    if (flushes.count() == 0) fail("no free of the ebb flushes");
  }
  for (size_t left = (kLooks - 1) * kFlushes - 1; left > 0; --left) reslab_free(kept[freed++]);
  the_subject = kept[freed++];
  while (freed < kKept) reslab_free_nolock(kept[freed++]);
}

// One refill more and the heap has been used enough for the ebb to end. No refill before that makes a slab, which would end
// it at once: there are slabs with next to nothing in use.
void ebb_is_worn_out(size_t bytes) {
  constexpr size_t kRefillsOfEbb = 64, kSlabs = 48;
  units_are_back(bytes);
  const size_t in_slab = (size_t{64} << 10) / bytes;
  grow_and_shrink(SIZE_MAX);
  release_stock();
  stock.take(bytes, kSlabs * in_slab);
  for (size_t i = kSlabs; i > 0; --i) hoard(stock.pick((i - 1) * in_slab));
  grow_and_shrink(SIZE_MAX);
  const Counted refills("refill");
  const Counted slabs("slab_create");
  while (refills.count() < kRefillsOfEbb) stock.take(bytes, 1);
  empty_magazine(bytes);
  if (slabs.count() > 0) fail("the ebb is over before it is worn out");
}

}  // namespace reentry::state
