#include "cache/bulk_free.h"

#include "base/counters.h"
#include "cache/block.h"
#include "slab/slab.h"

namespace reslab {

void BulkFree::push(ClassId cls, void* object) {
  if (open_[cls] == 0) open_[cls] = blocks().take(cls, Contract::kPlain);
  const uint32_t block = open_[cls];
  if (block == 0) {  // no memory for a block
    slab_give_object(object);
    return;
  }
  const uint32_t count = blocks().count(block);
  blocks().slots(block)[count] = object;
  blocks().set_count(block, count + 1);
  if (count + 1 < kBlockObjects) return;
  open_[cls] = 0;
  cache_accept(cls, block);
}

void BulkFree::add(uint32_t unit, ClassId cls, uint32_t word, uint64_t bits) {
  see(cls);
  counters.add(Counter::kFrees, static_cast<uint64_t>(__builtin_popcountll(bits)));
  if (cls >= kMallocClasses || !cache_keeps(cls)) {  // others than malloc's go straight to their slabs
    slab_give(unit, word, bits);
    return;
  }
  const size_t each = class_info(cls).object_bytes;
  char* first = unit_address(unit) + size_t{word} * 64 * each;
  for (; bits != 0; bits &= bits - 1) push(cls, first + static_cast<size_t>(__builtin_ctzll(bits)) * each);
}

void BulkFree::finish(uint64_t bytes) {
  constexpr uint64_t kMost = 8 << 20;
  if (bytes != 0) cache_set_allowance(2 * bytes < kMost ? 2 * bytes : kMost);
  for (ClassId cls = 1; cls < kMallocClasses; ++cls) {
    const uint32_t block = open_[cls];
    open_[cls] = 0;
    if (block != 0) cache_accept(cls, block);
  }
}

void BulkFree::settle(Flow flow) {
  if (flow == Flow::kIdle) cache_set_allowance(0);
  for (uint32_t word = 0; word < kMaxClasses / 64; ++word) {
    for (; seen_[word] != 0; seen_[word] &= seen_[word] - 1) {
      cache_settle(word * 64 + static_cast<uint32_t>(__builtin_ctzll(seen_[word])));
    }
  }
}

}  // namespace reslab
