// SPDX-License-Identifier: Apache-2.0
// The depot: full blocks of objects, one lock-free stack for each class and node, shared by the slots of the node. Bounded
// in bytes over all classes; what no refill has asked for during kAgeFlushes flushes goes back to its slabs (29).
//
//               put   take   handler on the same thread   child after fork
//   put, take   yes   yes    yes                          whole; a block between two hands is in hand of its thread
#pragma once

#include <atomic>
#include <cstdint>

#include "cache/block.h"

namespace reslab {

struct alignas(64) DepotClass {
  TaggedStack full;  // of node 0
  std::atomic<int64_t> objects;
  std::atomic<int64_t> low_water;  // fewest objects since the last ageing
  std::atomic<uint32_t> flushes;   // since then; a lost one does no harm
  std::atomic<uint32_t> turn;      // so that what is taken from any node is taken from each in turn
};

class Depot {
 public:
  // `others`: the stacks of other nodes than 0, all classes of node 1 first.
  void init(DepotClass* classes, TaggedStack* others) {
    classes_ = classes;
    others_ = others;
  }

  // Takes over a block in hand. False: lost its races; the block is still the caller's.
  bool put(ClassId cls, uint32_t node, uint32_t block);
  // A full block, now in hand of this thread. 0: none.
  uint32_t take(ClassId cls, uint32_t node);
  // The same of whichever node has one.
  uint32_t take_any(ClassId cls);

  uint64_t bytes() const {
    const int64_t n = bytes_.load(std::memory_order_relaxed);
    return n > 0 ? static_cast<uint64_t>(n) : 0;
  }
  // Counts a flush; how many objects have been idle since the last ageing, when it is time to look, else 0.
  uint32_t age(ClassId cls);

  // For a child after fork: no blocks anywhere; the caller puts them back.
  void forget();

  DepotClass& of(ClassId cls) { return classes_[cls]; }
  TaggedStack& full(ClassId cls, uint32_t node) {
    return node == 0 ? classes_[cls].full : others_[size_t{node - 1} * kMaxClasses + cls];
  }

 private:
  friend struct ImageWriter;  // tells readers outside where its parts are

  void forget_drift(ClassId cls);

  static constexpr uint32_t kAgeFlushes = 512;

  bool is_empty(ClassId cls);

  DepotClass* classes_;
  TaggedStack* others_;
  std::atomic<int64_t> bytes_;
};

extern constinit std::atomic<Depot*> published_depot __attribute__((visibility("hidden")));
inline Depot& depot() { return *published_depot.load(std::memory_order_relaxed); }

}  // namespace reslab
