// SPDX-License-Identifier: Apache-2.0
#include "heap/fork.h"

#include "base/counters.h"
#include "base/hooks.h"
#include "base/thread_line.h"
#include "cache/drain.h"
#include "cache/homeward.h"
#include "heap/aside.h"
#include "heap/in_hand.h"
#include "heap/root.h"
#include "platform/fork_child.h"

namespace reslab {
namespace {

// --- what is surely the dead's -------------------------------------------------------------------------------------

// Beside what the block counts its thread may have held as many objects as still fit.
void recover_block_of_dead(BlockPool& pool, uint32_t block) {
  counters.add(Counter::kForkLostObjects, kBlockObjects - recover_block(pool, block));
}

// Of owners with numbers below `end`, the forking thread excepted. Taken over by one compare-and-swap each: a handler
// of this thread may be at the same.
void recover_blocks_of_the_dead(BlockPool& pool, uint64_t end) {
  const uint64_t self = thread_id();
  const uint32_t made = pool.blocks_made();
  for (uint32_t block = 1; block < made; ++block) {
    uint64_t owner = pool.header(block).owner.load(std::memory_order_relaxed);
    if (owner == self || owner >= end || owner == 0) continue;
    if (pool.header(block).owner.compare_exchange_strong(owner, self, std::memory_order_relaxed)) {
      recover_block_of_dead(pool, block);
    }
  }
}

template <class Visit>
void for_each_class_slot(Root& root, Visit visit) {
  for (uint32_t slot = 0; slot < root.slots.count(); ++slot) {
    if (!root.slots.is_ready(slot)) continue;
    for (const ClassId cls : all_classes()) visit(slot, cls, class_slot(slot, cls));
  }
}

void release_locks(Root& root) {
  for_each_class_slot(root, [](uint32_t, ClassId, ClassSlot& own) { own.lock.reset(); });
}

// --- the whole repair: nobody else is in reslab --------------------------------------------------------------------

void finish_drains(Root& root) {
  for_each_class_slot(root, [](uint32_t slot, ClassId cls, ClassSlot&) {
    finish_drain_of_dead(slot, cls, [](ClassId, void* object) { slab_give_object(object); });
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
        root.depot.put(root.blocks.cls(block), node_of_block(block), block);
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

// Walks the units up to where the frontier was before others had to keep aside; one that nothing describes and that is
// not free was on its way and becomes free.
void settle_units(Root& root, uint32_t frontier) {
  root.arena.forget_kept();
  for (const ClassId cls : all_classes()) slab_forget_class(cls);
  for (uint32_t unit = 1; unit < frontier;) {
    RESLAB_HOOK("fork_settle_unit");
    const ClassId cls = slab_identity(unit).cls;
    if (cls == kRunClass) {
      unit += slab_at(unit).run_units.load(std::memory_order_relaxed);
    } else if (is_slab_class(cls)) {
      slab_settle(unit);
      unit += class_info(cls).slab_units;
    } else {
      slab_unmap_unit(unit);
      const bool has_place = root.arena.free_bits().is_free(unit) || root.arena.is_retired(unit);
      if (!has_place && !root.arena.is_in_hole(unit)) root.arena.adopt_orphan(unit, root.strict_commit);
      ++unit;
    }
  }
  root.arena.recount_dirty(frontier);
}

void repair_all(Root& root, uint32_t frontier) {
  RESLAB_HOOK("fork_repair");
  empty_active_slots(root);
  settle_units(root, frontier);
  RESLAB_HOOK("fork_units_settled");
  rebuild_block_stacks(root);
  finish_drains(root);
  root.lost_frames.store(false, std::memory_order_relaxed);
}

// --- who repairs ---------------------------------------------------------------------------------------------------

bool has_number() { return thread_line.id.load(std::memory_order_relaxed) != 0; }

// The word was one of a fork that nobody had noticed, and is not any more.
void count_fork(Root& root) { root.forks.fetch_add(1, std::memory_order_relaxed); }

// By a thread of the child, before it draws its number: until one has, the forking thread's and the dead's are all
// there are.
void share(Root& root, uint32_t seen) {
  ForkPage& page = *root.fork_page;
  uint64_t none = 0;
  page.first_number.compare_exchange_strong(none, newest_thread_id() + 1, std::memory_order_relaxed);
  root.lost_frames.store(true, std::memory_order_relaxed);
  // release: both, for the forking thread. Failure: it repairs, and this call keeps aside, or another was first.
  const bool is_first = seen == kForkUnnoticed;
  if (page.word.compare_exchange_strong(seen, kForkShared, std::memory_order_acq_rel) && is_first) count_fork(root);
}

void settle(Root& root) {
  root.under_repair.thread.store(0, std::memory_order_relaxed);
  // release: what was rebuilt is there for whoever sees it. The list comes behind it: see aside_free.
  root.fork_page->word.store(kForkSettled, std::memory_order_release);
  aside_give_back(root.aside, Contract::kPlain);
}

void repair(Root& root, uint32_t seen) {
  ForkPage& page = *root.fork_page;
  const bool whole = !SlowCall::any_below();
  const SlowCall call;  // before the word: a repair without a frame below is one that a jump has left
  if (whole) root.arena.recount_free();
  // Before the word is set: those who see the word claim above this. Another thread can not have claimed earlier: it
  // would have marked the child as shared, and the exchange fails.
  const uint32_t frontier = root.arena.frontier();
  page.frontier.store(frontier, std::memory_order_relaxed);
  root.under_repair.frontier.store(frontier, std::memory_order_relaxed);
  root.under_repair.thread.store(thread_id(), std::memory_order_release);
  uint32_t word = seen;
  // What is under way although it was not is what a handler has left, in the process it has forked for one: it is gone on
  // with here.
  if (!page.word.compare_exchange_strong(word, kForkRepairing, std::memory_order_acq_rel) && word != kForkRepairing) {
    root.under_repair.thread.store(0, std::memory_order_relaxed);
    return;
  }
  if (seen == kForkUnnoticed) {
    if (word == kForkUnnoticed) count_fork(root);
    root.lost_frames.store(true, std::memory_order_relaxed);
    release_locks(root);
    recover_blocks_of_the_dead(root.blocks, UINT64_MAX);
  }
  if (!whole) {
    root.under_repair.thread.store(0, std::memory_order_relaxed);
    page.word.store(kForkPartly, std::memory_order_release);
    return;
  }
  repair_all(root, frontier);
  settle(root);
}

// In a handler that has forked on top of a repair: that goes on when the handler returns, so this is the middle of it.
bool is_inside_repair(const Root& root) {
  return SlowCall::any_below() && root.under_repair.thread.load(std::memory_order_relaxed) == thread_id();
}

void stay_inside_repair(Root& root) {
  ForkPage& page = *root.fork_page;
  page.frontier.store(root.under_repair.frontier.load(std::memory_order_relaxed), std::memory_order_relaxed);
  uint32_t unnoticed = kForkUnnoticed;
  // Failure: a handler on top of this one was first.
  if (page.word.compare_exchange_strong(unnoticed, kForkRepairing, std::memory_order_acq_rel)) count_fork(root);
}

// The lists of a shared child stay as they are; what slabs they lack is found as after the death of a thread
// (cache/lost_slabs.h).
void recover_shared(Root& root) {
  const uint64_t first_number = root.fork_page->first_number.load(std::memory_order_relaxed);
  if (thread_id() >= first_number) return;  // which blocks are the forking thread's it alone knows
  const SlowCall call;                      // what it takes over is in the hand of this thread
  root.under_repair.thread.store(0, std::memory_order_relaxed);
  recover_blocks_of_the_dead(root.blocks, first_number);
  root.fork_page->word.store(kForkSettled, std::memory_order_release);
}

}  // namespace

void recover_after_fork(Root& root, Contract contract) {
  const uint32_t seen = root.fork_page->word.load(std::memory_order_acquire);
  if (seen == kForkSettled || seen == kForkRepairing) return;
  if (!has_number()) {
    if (seen != kForkShared) share(root, seen);
  } else if (seen == kForkUnnoticed && is_inside_repair(root)) {
    stay_inside_repair(root);
  } else if (contract != Contract::kPlain) {
    return;
  } else if (seen == kForkShared) {
    recover_shared(root);
  } else if (seen == kForkUnnoticed || !SlowCall::any_below()) {
    repair(root, seen);
  }
}

void number_forking_threads() {
  register_fork_child([] { thread_id(); });
}

void resume_repair(Root& root) {
  ForkPage& page = *root.fork_page;
  // Who keeps aside draws no number.
  if (page.word.load(std::memory_order_relaxed) != kForkRepairing || !has_number()) return;
  const uint64_t repairs = root.under_repair.thread.load(std::memory_order_relaxed);
  if (repairs != 0 && repairs != thread_id()) return;
  const SlowCall call;
  // Again: a handler that came before the mark was there has resumed it, and is done.
  if (page.word.load(std::memory_order_relaxed) != kForkRepairing) return;
  repair_all(root, page.frontier.load(std::memory_order_relaxed));
  settle(root);
}

}  // namespace reslab
