// SPDX-License-Identifier: Apache-2.0
// States for a class's search for empty slabs: some that no search meets, and the pauses between searches.
#include <reslab/reslab.h>

#include "counted.h"
#include "failure.h"
#include "heap_states.h"
#include "stock.h"

namespace reentry::state {
namespace {

constexpr int kLost = 5;
constexpr size_t kPause = 64, kLongPause = 2048;  // flushes

size_t objects_in_slab(size_t bytes) { return class_of(bytes).slab_bytes / reslab_good_size(bytes); }

size_t slab_count(size_t bytes) {
  const reslab_class_stats own = class_of(bytes);
  return own.slabs_active + own.slabs_partial + own.slabs_full + own.slabs_empty;
}

// Frees objects of the stock until the magazine has no room left.
void fill_magazine(size_t bytes) {
  const Counted flushes("flush");
  while (class_of(bytes).in_magazines < slots_of(bytes)) {
    stock.give(stock.count - (slots_of(bytes) - class_of(bytes).in_magazines));
    if (flushes.count() > 0) fail("the magazine of %zu bytes does not take %zu", bytes, slots_of(bytes));
  }
  if (the_subject == nullptr) the_subject = stock.pick(stock.count - 1);
}

// One flush; the depot gives back what it took.
void flush_once(size_t bytes) {
  const Counted flushes("flush");
  const size_t before = stock.count;
  while (flushes.count() == 0) stock.give(stock.count - 1);
  stock.take(bytes, before - stock.count);
}

// The only empty slab of a class that keeps none is the active one, so that no sweep meets it. `partial` slabs have one
// free object each; three more are full, and the stock ends with their objects.
void empty_slab_is_active(size_t bytes, size_t partial) {
  void* fresh[64];
  size_t fresh_count = 0;
  release_stock();
  warm_up(bytes);
  reslab_trim(0);
  const size_t in_slab = objects_in_slab(bytes);
  stock.take(bytes, in_slab * (partial + 3));
  empty_magazine(bytes);
  for (size_t slabs = slab_count(bytes); slab_count(bytes) == slabs;) {
    fresh_count = 0;
    stock.take(bytes, 1);
  }
  const size_t first_fresh = stock.count - 1;
  empty_magazine(bytes);
  while (stock.count > first_fresh) fresh[fresh_count++] = stock.objects[--stock.count];
  fill_magazine(bytes);
  for (size_t i = partial; i > 0; --i) reslab_free_nolock(stock.pick((i - 1) * in_slab + in_slab / 2));
  while (fresh_count > 0) reslab_free_nolock(fresh[--fresh_count]);
  reslab_flush_deferred();
}

}  // namespace

// Nobody has searched for long enough that the next flush does, and meets one slab, which is not empty.
void sweep_in_vain(size_t bytes) {
  empty_slab_is_active(bytes, 1);
  size_t flushes = 0;
  for (const Counted sweeps("slab_sweep"); sweeps.count() == 0; ++flushes) {
    flush_once(bytes);
    if (flushes > kLongPause + 2 * kPause) fail("no flush searches for empty slabs");
  }
  for (size_t i = 0; i < kPause; ++i) flush_once(bytes);
  fill_magazine(bytes);
}

void sweep_is_paused(size_t bytes) {
  sweep_in_vain(bytes);
  flush_once(bytes);
  fill_magazine(bytes);
}

void sweep_pause_ends(size_t bytes) {
  sweep_in_vain(bytes);
  for (size_t i = 0; i < kPause; ++i) flush_once(bytes);
  fill_magazine(bytes);
}

// Sixteen slabs, as many as one search looks at, and it has put them all on the class's other list.
void partial_slabs_on_other_list(size_t bytes) {
  constexpr size_t kSearched = 16;
  empty_slab_is_active(bytes, kSearched);
  size_t flushes = 0;
  for (const Counted sweeps("slab_sweep"); sweeps.count() < kSearched; ++flushes) {
    flush_once(bytes);
    if (flushes > kLongPause + 2 * kPause) fail("no flush searches for empty slabs");
  }
  const reslab_class_stats own = class_of(bytes);
  stock.take(bytes, own.in_magazines + own.in_depot + objects_in_slab(bytes));
}

// Slabs with nothing in use are on the list of their class. The stock ends with objects of others.
void empty_slabs_on_list(size_t bytes) {
  release_stock();
  const size_t count = (kLost + 2) * objects_in_slab(bytes);
  stock.take(bytes, count + 3 * objects_in_slab(bytes));
  for (size_t i = 0; i < count; ++i) reslab_free_nolock(stock.pick(count - 1 - i));
  reslab_flush_deferred();
}

// The next refill pops one of them.
void empty_slab_to_pop(size_t bytes) {
  empty_slabs_on_list(bytes);
  empty_magazine(bytes);
  stock.take(bytes, objects_in_slab(bytes));
  empty_magazine(bytes);
}

// Calls had popped them, and were left by a jump: they are on no list.
void lost_empty_slabs(size_t bytes) {
  empty_slabs_on_list(bytes);
  for (int i = 0; i < kLost; ++i) jump_out_of_malloc(bytes, "slab_pop_unlisted");
}

// And one that is called active, and is in no slot.
void lost_slabs(size_t bytes) {
  lost_empty_slabs(bytes);
  jump_out_of_malloc(bytes, "install_active");
}

void whole_sweep_in_vain(size_t bytes) {
  release_stock();
  warm_up(bytes);
  lost_empty_slabs(bytes);
  fill_magazine(bytes);
}

void whole_sweep_is_paused(size_t bytes) {
  whole_sweep_in_vain(bytes);
  flush_once(bytes);
  fill_magazine(bytes);
}

void whole_sweep_pause_ends(size_t bytes) {
  whole_sweep_in_vain(bytes);
  for (size_t i = 0; i < kLongPause; ++i) flush_once(bytes);
  fill_magazine(bytes);
}

}  // namespace reentry::state
