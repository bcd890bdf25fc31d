// SPDX-License-Identifier: Apache-2.0
// Blocks, the depot, deferred lists, local locks, and whole refills and flushes over them.
#include <reslab/reslab.h>

#include "base/thread_line.h"
#include "cache/block.h"
#include "cache/cache.h"
#include "cache/cpu_state.h"
#include "cache/depot.h"
#include "cases.h"
#include "heap/root.h"
#include "scheduler.h"
#include "slab/slab.h"
#include "workload.h"

namespace schedules {
namespace {

using namespace reslab;

constexpr size_t kCold = 16384;  // no magazine before it is busy: every call goes past it
constexpr size_t kWarm = 8192;   // a magazine of two at first

void again(void (*work)()) {
  for (int left = settings().repeat; left > 0; --left) work();
}

// --- depot: exchanges of blocks, with every attempt at an ABA --------------------------------------------------------

constexpr ClassId kBlockClass = class_of_size(kCold);
uint8_t block_owner[64];  // 1 + the thread that has it in hand

// A block with one object, which leaves the table.
uint32_t filled_block() {
  const uint32_t block = blocks().take(kBlockClass, Contract::kPlain);
  if (block == 0 || block >= sizeof block_owner) violation("no block");
  blocks().slots(block)[0] = let_go(kTable);
  blocks().set_count(block, 1);
  return block;
}

uint32_t take_block() {
  const uint32_t block = depot().take(kBlockClass, 0);
  if (block == 0) return 0;
  if (block_owner[block] != 0) violation("block %u is in two hands", block);
  block_owner[block] = static_cast<uint8_t>(thread_number() + 1);
  if (blocks().count(block) != 1) violation("block %u counts %u objects", block, blocks().count(block));
  return block;
}

void put_block(uint32_t block) {
  if (block == 0) return;
  if (block_owner[block] != thread_number() + 1) violation("block %u has changed hands", block);
  block_owner[block] = 0;
  if (!depot().put(kBlockClass, 0, block)) violation("a block was refused without 64 lost races");
}

void fill_depot() {
  take_many(kCold, 3);
  for (int i = 0; i < 3; ++i) depot().put(kBlockClass, 0, filled_block());
}

void take_two_and_return_the_first() {
  again([] {
    const uint32_t first = take_block(), second = take_block();
    put_block(first);
    put_block(second);
  });
}

void take_one_and_return_it() {
  again([] { put_block(take_block()); });
}

// --- the pool that blocks come from ----------------------------------------------------------------------------------

void take_and_recycle() {
  again([] {
    uint32_t mine[2];
    for (uint32_t& block : mine) {
      block = blocks().take(kBlockClass, Contract::kPlain);
      if (block == 0 || block >= sizeof block_owner || block_owner[block] != 0)
        violation("block %u is in two hands", block);
      block_owner[block] = 1;
    }
    for (const uint32_t block : mine) {
      block_owner[block] = 0;
      blocks().recycle(block);
    }
  });
}

// --- deferred lists --------------------------------------------------------------------------------------------------

void ready_the_slots() {
  for (uint32_t slot = 0; slot < slots().count(); ++slot) slots().make_ready(slot);
}

void six_on_the_table() {
  ready_the_slots();
  take_many(kCold, 6);
}

// All on one list, whichever slot a thread is on.
void push_deferred() {
  void* object = let_go(kTable);
  if (object != nullptr && !cpu_state(0).deferred.push(object)) violation("a push was refused");
}

void push_two_deferred() {
  again([] {
    push_deferred();
    push_deferred();
  });
}

void drain_deferred_list() {
  again([] {
    push_deferred();
    drain_deferred(0, 2);
  });
}

// With two objects on the list.
void two_deferred() {
  six_on_the_table();
  push_deferred();
  push_deferred();
}

// What is first on the list is first again, and what was behind it is not on it any more.
void take_two_deferred_and_return_the_first() {
  again([] {
    void* first = cpu_state(0).deferred.pop();
    void* second = cpu_state(0).deferred.pop();
    if (second != nullptr) hold(second, kCold);
    if (first != nullptr && !cpu_state(0).deferred.push(first)) violation("a push was refused");
  });
}

void drain_all_lists() {
  again([] {
    reslab_flush_deferred();
    reslab_flush_deferred();
  });
}

// --- the same through the front door ---------------------------------------------------------------------------------

void free_two_nolock() {
  again([] {
    give_nolock(kTable);
    give_nolock(kTable);
  });
}

void allocate_one_cold() {
  again([] { take(kCold); });
}

// --- the lock --------------------------------------------------------------------------------------------------------

struct OwnLock {
  LocalLock lock;
  bool taken_over;
  int holders;
} the_lock;

// As if others had failed so often that the next one calls the holder gone.
void wear_out(LocalLock& lock) {
  auto* busy = reinterpret_cast<std::atomic<uint32_t>*>(reinterpret_cast<char*>(&lock) + sizeof(uint64_t));
  busy->store(64, std::memory_order_relaxed);
}

void fresh_lock() { the_lock.lock.reset(); }
void worn_lock() {
  fresh_lock();
  wear_out(the_lock.lock);
  the_lock.taken_over = true;
}

void lock_and_unlock() {
  again([] {
    uint64_t word;
    if (the_lock.lock.try_lock(word, LocalLockOption::kTry) != LockOutcome::kTaken) return;
    if (++the_lock.holders > 1 && !the_lock.taken_over) violation("two threads hold a lock that nobody has taken over");
    the_lock.lock.unlock(word);
    --the_lock.holders;
  });
}

void lock_is_open() {
  if (the_lock.lock.is_locked()) violation("the lock stays locked behind its last holder");
}

// --- refill and flush, whole -----------------------------------------------------------------------------------------

void local_lock(LocalLockOption option) { root().options.local_lock = static_cast<uint32_t>(option); }

void one_slab_and_a_worn_lock() {
  ready_the_slots();
  take_many(kCold, 2);
  give(kTable);
  wear_out(class_slot(0, kBlockClass).lock);
}
void one_slab_always_locked() {
  one_slab_and_a_worn_lock();
  local_lock(LocalLockOption::kAlways);
}
void one_slab_never_locked() {
  one_slab_and_a_worn_lock();
  local_lock(LocalLockOption::kNever);
}

void no_lock_is_kept() {
  for (uint32_t slot = 0; slot < slots().count(); ++slot) {
    if (slots().is_ready(slot) && class_slot(slot, kBlockClass).lock.is_locked()) violation("a local lock is kept");
  }
}

void allocate_and_free_cold() {
  again([] {
    take(kCold);
    give();
  });
}

void many_on_the_table() {
  ready_the_slots();
  take_many(kWarm, 16);
}

// More than a magazine holds that has just grown.
void free_many_warm() {
  again([] {
    for (int i = 0; i < 9; ++i) give(kTable);
  });
}

void allocate_one_warm() {
  again([] { take(kWarm); });
}

void first_use_of_a_slot() {
  again([] {
    take(48);
    give();
  });
}

constexpr Case kCases[] = {
    {.name = "depot_exchange",
     .what = "two blocks taken and put back in another order, against takes and puts",
     .setup = fill_depot,
     .threads = {take_two_and_return_the_first, take_two_and_return_the_first, take_one_and_return_it}},
    {.name = "block_pool",
     .what = "blocks made, recycled and taken again",
     .threads = {take_and_recycle, take_and_recycle, take_and_recycle}},
    {.name = "deferred_push_and_take",
     .what = "pushes to one deferred list against pops from it",
     .setup = six_on_the_table,
     .threads = {push_two_deferred, drain_deferred_list, drain_deferred_list}},
    {.name = "deferred_exchange",
     .what = "two objects taken off a deferred list and one put back, against pops from it",
     .setup = two_deferred,
     .threads = {drain_deferred_list, take_two_deferred_and_return_the_first, push_two_deferred}},
    {.name = "deferred_flush",
     .what = "reslab_flush_deferred against nolock frees",
     .setup = six_on_the_table,
     .threads = {free_two_nolock, drain_all_lists, allocate_one_cold}},
    {.name = "deferred_in_refill",
     .what = "a refill that serves its list, and another CPU's, against nolock frees",
     .setup = six_on_the_table,
     .threads = {free_two_nolock, allocate_one_cold, allocate_one_cold},
     .bound_of_three = 2},
    {.name = "lock",
     .what = "one holder at a time",
     .setup = fresh_lock,
     .threads = {lock_and_unlock, lock_and_unlock, lock_and_unlock},
     .check = lock_is_open},
    {.name = "lock_take_over",
     .what = "a lock whose holder is called gone, and is not",
     .setup = worn_lock,
     .threads = {lock_and_unlock, lock_and_unlock, lock_and_unlock},
     .check = lock_is_open},
    {.name = "refill_one_slot",
     .what = "two refills and frees on one slot, the lock taken over in between",
     .setup = one_slab_and_a_worn_lock,
     .threads = {allocate_and_free_cold, allocate_and_free_cold, allocate_and_free_cold},
     .check = no_lock_is_kept,
     .slots = Slot::kShared,
     .bound = 2,
     .bound_of_three = 2},
    {.name = "refill_lock_always",
     .what = "the same with a lock that everybody gets",
     .setup = one_slab_always_locked,
     .threads = {allocate_and_free_cold, allocate_and_free_cold, allocate_and_free_cold},
     .check = no_lock_is_kept,
     .slots = Slot::kShared,
     .bound = 2,
     .bound_of_three = 2},
    {.name = "refill_lock_never",
     .what = "the same with a lock that nobody gets",
     .setup = one_slab_never_locked,
     .threads = {allocate_and_free_cold, allocate_and_free_cold, allocate_and_free_cold},
     .check = no_lock_is_kept,
     .slots = Slot::kShared,
     .bound = 2,
     .bound_of_three = 2},
    {.name = "flush_against_refill",
     .what = "frees that overflow a magazine, against an allocation, on threads that move between slots",
     .setup = many_on_the_table,
     .threads = {free_many_warm, allocate_one_warm, allocate_one_warm},
     .slots = Slot::kMoving,
     .bound_of_three = 2},
    {.name = "first_use_of_a_slot",
     .what = "a slot and a magazine that two threads use for the first time",
     .threads = {first_use_of_a_slot, first_use_of_a_slot, first_use_of_a_slot},
     .slots = Slot::kShared,
     .bound = 2,
     .bound_of_three = 2},
};

}  // namespace

std::span<const Case> cache_cases() { return kCases; }

}  // namespace schedules
