// SPDX-License-Identifier: Apache-2.0
// Event counters. Incremented on slow paths only, in a shard picked by thread so that CPUs rarely meet on a line; read
// by summing. Relaxed throughout: a counter orders nothing, and a sum taken under load is a moment's approximation.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/thread_line.h"

namespace reslab {

enum class Counter : uint32_t {
  kAllocs,  // objects that left slabs, depot or arena towards magazines and callers
  kFrees,   // objects that came back from there
  kNolockAllocs,
  kNolockFailures,
  kNolockRetries,
  kDeferredPushed,
  kDeferredFlushed,
  kLocalLockBusySelf,
  kLocalLockBusyOther,
  kReentries,
  kRestartsExhausted,
  kDeactivations,
  kRefills,
  kFlushes,
  kDoubleFrees,
  kInvalidFrees,
  kForkLostObjects,
  kPurgedBytes,
  kNolockFromMagazine,  // how a call of class any was served that left the fast path
  kNolockFromDepot,
  kNolockFromActive,
  kNolockFromPartial,
  kNolockFromDeferred,
  kNolockFromNewSlab,
  kNolockFromRun,
  kSingleBitAllocs,
  kSingleBitFrees,
  kLimitRefusals,
  kSentHome,  // objects whose memory is on another node than the CPU that freed them
  kCount
};

class Counters {
 public:
  void add(Counter which, uint64_t n = 1) {
    const uint64_t shard = thread_line.id.load(std::memory_order_relaxed) % kShards;
    shards_[shard].value[static_cast<uint32_t>(which)].fetch_add(n, std::memory_order_relaxed);
  }

  uint64_t sum(Counter which) const {
    uint64_t total = 0;
    for (const Shard& shard : shards_)
      total += shard.value[static_cast<uint32_t>(which)].load(std::memory_order_relaxed);
    return total;
  }

 private:
  friend struct ImageWriter;  // tells readers outside where its parts are

  static constexpr uint32_t kShards = 16;
  struct alignas(64) Shard {
    std::atomic<uint64_t> value[static_cast<uint32_t>(Counter::kCount)];
  };
  Shard shards_[kShards];
};

extern constinit Counters counters;

}  // namespace reslab
