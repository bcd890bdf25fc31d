// SPDX-License-Identifier: Apache-2.0
// The ways to retire an object that are compared, each of one shape. All of them free with reslab: what differs is how an
// object comes there.
#pragma once

#include <reslab/rcu.h>
#include <reslab/reslab.h>
#define URCU_API_MAP
#include <urcu/urcu-memb.h>

#include <cstddef>
#include <cstdint>

namespace rcu_bench {

// What the program keeps; call_rcu needs the head in it.
struct Node {
  rcu_head head;
  uint64_t key;
};

struct Way {
  const char* name;
  void (*retire)(Node* node);
  void (*barrier)();    // returns when all are freed
  uint64_t (*freed)();  // so far
};

inline uint64_t freed_by_callbacks = 0;  // one thread calls them

inline void count_and_free(void* node) {
  __atomic_store_n(&freed_by_callbacks, freed_by_callbacks + 1, __ATOMIC_RELAXED);
  reslab_free(node);
}

inline const Way kWays[] = {
    {"reslab_free_rcu", [](Node* node) { reslab_free_rcu(node); },
     [] {
       if (reslab_rcu_barrier() != 0) __builtin_trap();
     },
     [] {
       reslab_rcu_stats stats = {};
       reslab_rcu_get_stats(&stats, sizeof stats);
       return stats.freed;
     }},
    {"call_rcu", [](Node* node) { urcu_memb_call_rcu(&node->head, [](rcu_head* head) { count_and_free(head); }); },
     [] { urcu_memb_barrier(); }, [] { return __atomic_load_n(&freed_by_callbacks, __ATOMIC_RELAXED); }},
    {"defer_rcu", [](Node* node) { urcu_memb_defer_rcu(count_and_free, node); }, [] { urcu_memb_defer_barrier(); },
     [] { return __atomic_load_n(&freed_by_callbacks, __ATOMIC_RELAXED); }},
};
inline constexpr size_t kWayCount = sizeof kWays / sizeof kWays[0];

}  // namespace rcu_bench
