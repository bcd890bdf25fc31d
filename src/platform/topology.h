// SPDX-License-Identifier: Apache-2.0
// Which node of memory each slot's CPU is on. Of a machine with one node nothing is published and nothing is looked up:
// every slot is on node 0. Of several, slots are numbered by CPU (42), and each learns its node when it is first used, by a
// thread that runs there, from the kernel's rseq area: no system call, which a filter might not allow (45).
//
// A node says where memory is better looked for. Nothing depends on its being right, so it is stored relaxed, and a thread
// that migrates while it asks may leave a wrong one.
#pragma once

#include <atomic>
#include <cstdint>

namespace reslab {

inline constexpr uint32_t kMaxNodes = 64;  // more share their numbers

struct Topology {
  uint32_t nodes;
  std::atomic<uint8_t> of_slot[4096];
};

// Of the published root, if there are several nodes.
extern constinit std::atomic<Topology*> published_topology __attribute__((visibility("hidden")));

inline uint32_t node_count() {
  const Topology* topology = published_topology.load(std::memory_order_relaxed);
  return topology == nullptr ? 1 : topology->nodes;
}

inline uint32_t node_of_slot(uint32_t slot) {
  const Topology* topology = published_topology.load(std::memory_order_relaxed);
  return topology == nullptr ? 0 : topology->of_slot[slot].load(std::memory_order_relaxed);
}

// The highest number of a node that has memory or CPUs now, and one more: firmware may list many that could be added.
uint32_t online_nodes();

}  // namespace reslab
