// SPDX-License-Identifier: Apache-2.0
#include "cache/bulk_free.h"

#include "base/counters.h"
#include "base/options.h"
#include "cache/block.h"
#include "cache/depot.h"
#include "cache/give_back.h"
#include "cache/homeward.h"
#include "cache/policy.h"
#include "cache/tide.h"
#include "slab/slab.h"

namespace reslab {
namespace {

// How much more than its bound the depot may hold.
constinit std::atomic<uint64_t> depot_allowance{0};

// Are free objects of the class worth keeping out of their slabs?
bool is_worth_caching(ClassId cls) {
  if (class_info(cls).object_bytes >= kLargeBytes || is_sparse(cls) || tide.is_ebbing()) return false;
  if (arena().is_above_soft_limit()) return false;
  if (!depot_is_full()) return true;
  const uint64_t bytes = depot().bytes();
  const uint64_t allowance = depot_allowance.load(std::memory_order_relaxed);
  return bytes <= allowance || bytes - allowance <= options().depot_min;
}

// When it becomes less, the surplus goes back to the slabs.
void set_allowance(uint64_t bytes) {
  const uint64_t before = depot_allowance.exchange(bytes, std::memory_order_relaxed);
  if (bytes != 0 || before == 0) return;
  for (const ClassId cls : all_classes()) {
    if (!depot_is_full()) break;
    give_back_depot(cls, UINT64_MAX, kMostBlocksAged);
    give_back_empties(cls);
  }
}

// Takes over a block in hand: for the depot, or back to the slabs.
void accept(ClassId cls, uint32_t block) {
  const bool keep = is_worth_a_place(cls, blocks().count(block)) && is_worth_caching(cls);
  if (keep) deposit_at_home(cls, block);
  else give_back_block(cls, block);
}

// After objects of a class went to the depot or to their slabs without a flush: what a flush does then.
void settle_class(ClassId cls) {
  give_back_idle(cls);
  give_back_empties(cls);
}

}  // namespace

// Into the block of the class, as many as there is room for; those that are left.
uint64_t BulkFree::fill(uint32_t block, char* first, size_t each, uint64_t bits) {
  void** slots = blocks().slots(block);
  uint32_t count = blocks().count(block);
  for (; bits != 0 && count < kBlockObjects; bits &= bits - 1)  // ends: a bit goes
    slots[count++] = first + static_cast<size_t>(__builtin_ctzll(bits)) * each;
  blocks().set_count(block, count);
  return bits;
}

void BulkFree::add(uint32_t unit, ClassId cls, uint32_t word, uint64_t bits) {
  see(cls);
  counters.add(Counter::kFrees, static_cast<uint64_t>(__builtin_popcountll(bits)));
  if (cls >= kMallocClasses || !is_worth_caching(cls)) {  // others than malloc's go straight to their slabs
    slab_give(unit, word, bits);
    return;
  }
  const size_t each = malloc_class_info(cls).object_bytes;
  char* const first = unit_address(unit) + size_t{word} * 64 * each;
  while (bits != 0) {  // ends: a block has room for some
    if (open_[cls] == 0) open_[cls] = blocks().take(cls, Contract::kPlain);
    const uint32_t block = open_[cls];
    if (block == 0) {  // no memory for one
      slab_give(unit, word, bits);
      return;
    }
    bits = fill(block, first, each, bits);
    if (blocks().count(block) < kBlockObjects) return;
    open_[cls] = 0;
    accept(cls, block);
  }
}

void BulkFree::finish(uint64_t bytes) {
  constexpr uint64_t kMost = 8 << 20;
  if (bytes != 0) set_allowance(2 * bytes < kMost ? 2 * bytes : kMost);
  for (ClassId cls = 1; cls < kMallocClasses; ++cls) {
    const uint32_t block = open_[cls];
    open_[cls] = 0;
    if (block != 0) accept(cls, block);
  }
}

void BulkFree::settle(Flow flow) {
  if (flow == Flow::kIdle) set_allowance(0);
  for (uint32_t word = 0; word < kMaxClasses / 64; ++word) {
    for (; seen_[word] != 0; seen_[word] &= seen_[word] - 1) {
      settle_class(word * 64 + static_cast<uint32_t>(__builtin_ctzll(seen_[word])));
    }
  }
}

}  // namespace reslab
