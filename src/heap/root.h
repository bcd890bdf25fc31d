// SPDX-License-Identifier: Apache-2.0
// The root: everything global, in one object that a debugger or another process can walk from `published_root`
// (heap/image.h).
//
// There is no initialisation state and nobody waits for one (19): each first comer builds a whole root in mappings of
// its own and publishes it by one compare-and-swap; losers unmap theirs. Whoever finds a root copies the same values
// into the globals of the layers, so a thread stopped in the middle delays nobody.
#pragma once

#include <atomic>
#include <cstdint>

#include "arena/arena.h"
#include "base/contract.h"
#include "base/counters.h"
#include "base/options.h"
#include "cache/block.h"
#include "cache/cpu_state.h"
#include "cache/deferred_list.h"
#include "cache/depot.h"
#include "heap/debug_tables.h"
#include "heap/fork.h"
#include "heap/image.h"
#include "platform/cpu.h"
#include "platform/topology.h"
#include "profile/profile.h"
#include "slab/class_table.h"
#include "slab/slab.h"

namespace reslab {

struct Root {
  Image image;  // first: whoever looks from outside begins here
  bool has_fence;
  bool wipes_on_fork;
  std::atomic<bool> lost_frames;  // a child after fork without its whole repair: counts and lists may be off
  bool strict_commit;             // vm.overcommit_memory is 2: what is writable is charged
  char* metadata;                 // the mapping that holds this object
  size_t metadata_bytes;
  size_t reserved_bytes;  // of the window, at the start
  uint64_t deferred_key;
  std::atomic<uint64_t> draws;  // cache/placement.h
  ForkPage* fork_page;
  UnderRepair under_repair;
  std::atomic<uint32_t> forks;  // that were noticed, from the first process of the heap on
  DeferredList aside;           // heap/aside.h
  std::atomic<void*> aside_unlinked[64];
  Options options;
  CpuSetup cpu;
  size_t page_bytes;  // platform/page_size.h
  Counters* counters;
  Arena arena;
  BlockPool blocks;
  DebugTables* debug;  // nullptr: no debug mode
  size_t debug_bytes;
  ProfileTables* profile;  // nullptr: none
  Depot depot;
  Slots slots;
  char* regions;
  SlabLists* node_lists;                   // of other nodes than 0
  std::atomic<size_t> spare_region_bytes;  // of regions without a slot, behind the others (platform/cpu.h)
  StartTest start_tests[kMaxClasses];      // the last of what a start writes: it touches one page
  alignas(64) std::atomic<uint8_t> region_ready[4096];
  Topology topology;  // if there are several nodes
  SlabClass slab_classes[kMaxClasses];
  DepotClass depot_classes[kMaxClasses];
  ClassTable class_table;
};

extern constinit std::atomic<Root*> published_root __attribute__((visibility("hidden")));

// Builds or adopts the root, and recovers a child after fork. False: there is none and this contract may not make one,
// or there is no memory for it.
bool ensure_root(Contract contract);

// What is writable of the metadata, in bytes.
size_t committed_metadata_bytes();

// The process limits its address space: as under a limit at the start.
void give_back_spare_regions(size_t limit_bytes);

// Does an option take stacks (base/unwind.h)? There is a root.
bool wants_stacks();

inline Root& root() { return *published_root.load(std::memory_order_acquire); }

}  // namespace reslab
