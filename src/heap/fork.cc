#include "heap/fork.h"

#include "base/counters.h"
#include "base/thread_line.h"
#include "heap/census.h"
#include "heap/root.h"

namespace reslab {
namespace {

// Objects counted by a block are in no other place (cache/block.h); of a block that counts none, a thread may have held
// as many as fit.
void recover_block(BlockPool& pool, uint32_t block) {
  const uint32_t count = pool.count(block);
  counters.add(Counter::kForkLostObjects, count == 0 ? kBlockObjects : 0);
  pool.set_count(block, 0);
  if (count > 0) slab_give_sorted(pool.cls(block), pool.slots(block), count);
  pool.recycle(block);
}

void recover_blocks(BlockPool& pool) {
  const uint64_t self = thread_id();
  const uint32_t made = pool.blocks_made();
  for (uint32_t block = 1; block < made; ++block) {
    if (pool.state(block) != BlockState::kInHand) continue;
    if (pool.header(block).owner.load(std::memory_order_relaxed) != self) recover_block(pool, block);
  }
}

void release_locks_of_the_dead(Root& root) {
  for (uint32_t slot = 0; slot < root.slots.count(); ++slot) {
    if (!root.slots.is_ready(slot)) continue;
    for (ClassId cls = 1; cls < kMallocClasses; ++cls) class_slot(slot, cls).lock.reset();
  }
}

// A thread may have died between taking a slab from its list and putting it back, or between moving bits and counting it.
void mend_slabs(Arena& arena) {
  const uint32_t frontier = arena.frontier();
  for (uint32_t unit = 1; unit < frontier; ++unit) {
    const uint64_t state = slab_at(unit).state.load(std::memory_order_relaxed);
    const SlabIdentity identity = identity_of(state);
    if (identity.cls == kNoClass || identity.cls >= kMallocClasses) continue;
    slab_recount(unit);
    if (flags_of(state) == 0) slab_let_go(unit, identity);
  }
}

void mend_class_counts() {
  for (ClassId cls = 1; cls < kMallocClasses; ++cls) {
    const ClassCensus census = take_census(cls);
    slab_class(cls).capacity_objects.store(static_cast<int64_t>(census.capacity), std::memory_order_relaxed);
    slab_class(cls).free_objects.store(static_cast<int64_t>(census.free_in_slabs), std::memory_order_relaxed);
  }
}

}  // namespace

void recover_after_fork(Root& root) {
  uint32_t unnoticed = kForkUnnoticed;
  // relaxed: the child has one thread; the exchange is against its own handlers.
  if (!root.fork_word->compare_exchange_strong(unnoticed, kForkRecovering, std::memory_order_relaxed)) return;
  release_locks_of_the_dead(root);
  recover_blocks(root.blocks);
  mend_slabs(root.arena);
  mend_class_counts();
  root.lost_frames = true;
  root.fork_word->store(kForkSettled, std::memory_order_relaxed);
}

}  // namespace reslab
