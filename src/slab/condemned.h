// Units that go back to the arena after a grace period: those of slabs of RESLAB_CACHE_TYPESAFE_BY_RCU. Their objects are
// reused at once, so a reader may find another object where it looked for its own; what it must never find is memory of
// another type. So it is the slab that waits, when it is empty and retired.
//
//   condemned   described by nothing, mapped as nothing, and not free; the bytes stay as they were, constructed objects
//               and all. On one of two lists, so that a walk can take from one and put to the other.
//
//                     condemn   release_condemned   handler on the same thread   child after fork
//   condemn           yes       yes                 yes                          whole, or in a hand: see settle
//   release           yes       yes                 yes                          likewise
//
// D1  Who condemns has retired the slab, so it has held all its bits: every object was freed before, and nobody can take
//     one. A reader that still finds one entered its section before the object was freed for the last time; that free
//     happened before the retirer's exchange of the bits, and that before the cookie is taken. When the cookie has elapsed
//     there is no such reader.
// D2  Units in the hand of a thread that never comes back stay condemned for ever: one slab. In a child after fork they
//     are found by their descriptors.
#pragma once

#include <atomic>
#include <cstdint>

namespace reslab {

// What libreslab-rcu offers to the core, which does not know liburcu.
struct RcuClient {
  uint64_t (*gp_start)();        // class any+wake; a cookie
  bool (*gp_poll)(uint64_t gp);  // class any
  // For the audit, maintenance: from hold() on the reclaimer does nothing, until let_go().
  void (*hold)();
  void (*let_go)();
  // Meanwhile: visit(context, object) for each object that was retired and lies in a page.
  void (*visit_pages)(void (*visit)(void* context, void* object), void* context);
};
// nullptr before libreslab-rcu is loaded: then there are no grace periods, and no slab may need one.
extern constinit std::atomic<const RcuClient*> rcu_client __attribute__((visibility("hidden")));

// The units of a slab that the caller has retired and that nobody else has seen since, in place of arena().release.
// There must be a client. Class any+wake.
void condemn_units(uint32_t unit, uint32_t count);

// Looks at up to `most` slabs, and gives those back whose grace period is over. How many. Class any.
uint32_t release_condemned(uint32_t most);
bool has_condemned();

// Units of the slab that is condemned there; 0: none is. For whoever walks all units.
uint32_t condemned_at(uint32_t unit);

// For a child after fork, alone in its process: the lists are empty, then each slab that is found is listed again.
void forget_condemned();
void settle_condemned(uint32_t unit);

}  // namespace reslab
