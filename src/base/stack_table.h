// SPDX-License-Identifier: Apache-2.0
// Tables of stacks, each distinct one once. An entry has a `hash`, a `depth` and frames `pc[kFrames]`, and what its owner
// adds. It is claimed by its hash and filled afterwards: a reader may find it without frames yet, and nobody waits.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/for_tries.h"
#include "base/hooks.h"
#include "base/unwind.h"

namespace reslab {

// `salt` tells stacks apart that are to have entries of their own.
inline uint64_t stack_hash(const Stack& stack, uint64_t salt = 0) {
  uint64_t hash = 0x9e3779b97f4a7c15 + salt;
  for (size_t i = 0; i < stack.depth; ++i) hash = (hash ^ stack.pc[i]) * 0xff51afd7ed558ccd + (hash >> 29);
  return hash | 1;
}

// The entry of a stack, which is made if there is none: 1 to `count` - 1. 0: no room near where it belongs.
template <class Entry>
uint32_t claim_stack(Entry* entries, uint32_t count, const Stack& stack, uint64_t hash) {
  constexpr int kProbes = 20;
  uint64_t at = hash >> 20;
  for ([[maybe_unused]] int round : for_tries(kProbes)) {
    const auto index = static_cast<uint32_t>(at++ % (count - 1) + 1);
    Entry& entry = entries[index];
    uint64_t seen = 0;
    if (!entry.hash.compare_exchange_strong(seen, hash, std::memory_order_relaxed)) {
      if (seen == hash) return index;
      continue;
    }
    RESLAB_HOOK("stack_claimed");
    const size_t depth = stack.depth < Entry::kFrames ? stack.depth : Entry::kFrames;
    for (size_t i = 0; i < depth; ++i) entry.pc[i].store(stack.pc[i], std::memory_order_relaxed);
    entry.depth.store(depth, std::memory_order_release);  // the frames are there
    return index;
  }
  return 0;
}

}  // namespace reslab
