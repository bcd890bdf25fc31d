#include "heap/fork.h"

#include "base/counters.h"
#include "base/thread_line.h"
#include "cache/magazine.h"
#include "heap/in_hand.h"
#include "heap/root.h"

namespace reslab {
namespace {

// --- what is surely the dead's -----------------------------------------------------------------------------------------

// Beside what the block counts its thread may have held as many objects as still fit.
void recover_block_of_dead(BlockPool& pool, uint32_t block) {
  counters.add(Counter::kForkLostObjects, kBlockObjects - recover_block(pool, block));
}

void recover_blocks_of_the_dead(BlockPool& pool) {
  const uint64_t self = thread_id();
  const uint32_t made = pool.blocks_made();
  for (uint32_t block = 1; block < made; ++block) {
    if (pool.state(block) != BlockState::kInHand) continue;
    if (pool.header(block).owner.load(std::memory_order_relaxed) != self) recover_block_of_dead(pool, block);
  }
}

template <class Visit>
void for_each_class_slot(Root& root, Visit visit) {
  for (uint32_t slot = 0; slot < root.slots.count(); ++slot) {
    if (!root.slots.is_ready(slot)) continue;
    for (ClassId cls = 1; cls < kMallocClasses; ++cls) visit(slot, cls, class_slot(slot, cls));
  }
}

void release_locks(Root& root) {
  for_each_class_slot(root, [](uint32_t, ClassId, ClassSlot& own) { own.lock.reset(); });
}

// --- the whole repair: nobody else is in reslab ------------------------------------------------------------------------

// A drain that the fork cut short has left its magazine closed, or closed but for a section's late commit of `top`; what
// it had not taken yet is where it was.
void finish_drains(Root& root) {
  for_each_class_slot(root, [](uint32_t slot, ClassId cls, ClassSlot& own) {
    std::atomic<uint64_t>& header = header_word(slot, cls);
    const uint64_t now = header.load(std::memory_order_relaxed);
    if (now == 0 || header_end(now) != 0) return;
    const ClassInfo& info = class_info(cls);
    const bool top_is_known = own.saved_header != 0;
    const uint32_t top = header_top(now) == kClosedTop ? header_top(own.saved_header) : header_top(now);
    if (top_is_known) magazine_empty_closed(slot, cls, top, [](ClassId, void* object) { slab_give_object(object); });
    else counters.add(Counter::kForkLostObjects, info.magazine);
    const uint32_t slots = capacity_at(info, own.warmth.load(std::memory_order_relaxed));
    header.store(header_of(info.begin, info.begin + slots), std::memory_order_relaxed);
  });
}

void rebuild_block_stacks(Root& root) {
  root.blocks.pooled().reset();
  root.depot.forget();
  const uint32_t made = root.blocks.blocks_made();
  for (uint32_t block = 1; block < made; ++block) {
    switch (root.blocks.state(block)) {
      case BlockState::kInHand:
        recover_block_of_dead(root.blocks, block);
        break;
      case BlockState::kInDepot:
        root.depot.put(root.blocks.cls(block), block);
        break;
      case BlockState::kPooled:
        root.blocks.recycle(block);
        break;
    }
  }
}

// Takes every active slab out of its slot: a slab may have been flagged and not installed, or the other way round.
void empty_active_slots(Root& root) {
  for_each_class_slot(root, [](uint32_t, ClassId, ClassSlot& own) { own.active.store(0, std::memory_order_relaxed); });
}

// Walks the units; one that nothing describes and that is not free was on its way and becomes free.
void settle_units(Root& root) {
  for (ClassId cls = 1; cls < kMallocClasses; ++cls) slab_forget_class(cls);
  const uint32_t frontier = root.arena.frontier();
  for (uint32_t unit = 1; unit < frontier;) {
    const ClassId cls = slab_identity(unit).cls;
    if (cls == kRunClass) {
      unit += slab_at(unit).run_units.load(std::memory_order_relaxed);
    } else if (cls != kNoClass) {
      slab_settle(unit, false);
      unit += class_info(cls).slab_units;
    } else {
      slab_unmap_unit(unit);
      if (!root.arena.free_bits().is_free(unit) && !root.arena.is_retired(unit)) root.arena.adopt_orphan(unit);
      ++unit;
    }
  }
}

void repair_all(Root& root) {
  empty_active_slots(root);
  settle_units(root);
  rebuild_block_stacks(root);
  finish_drains(root);
  root.lost_frames = false;
}

}  // namespace

void recover_after_fork(Root& root) {
  uint32_t seen = root.fork_word->load(std::memory_order_relaxed);  // relaxed: one thread, and its own handlers
  if (seen == kForkPartly && SlowCall::any_below()) return;
  if (seen == kForkRepairing ||
      !root.fork_word->compare_exchange_strong(seen, kForkRepairing, std::memory_order_relaxed)) {
    return;
  }
  if (seen == kForkUnnoticed) {
    root.lost_frames = true;
    release_locks(root);
    recover_blocks_of_the_dead(root.blocks);
  }
  const bool whole = !SlowCall::any_below();
  if (whole) repair_all(root);
  root.fork_word->store(whole ? kForkSettled : kForkPartly, std::memory_order_relaxed);
}

}  // namespace reslab
