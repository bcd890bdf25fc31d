// SPDX-License-Identifier: Apache-2.0
#include "cache/lost_slabs.h"

#include "arena/arena.h"
#include "base/hooks.h"
#include "cache/active_slab.h"
#include "cache/cpu_state.h"
#include "slab/slab.h"

namespace reslab {
namespace {

constinit std::atomic<uint32_t> next_look{1};

// It is called active in that slot. Its thread may come back at any moment.
void look_at_active(uint32_t unit, SlabIdentity identity, uint32_t slot) {
  if (class_slot(slot, identity.cls).active.load(std::memory_order_seq_cst) == unit) return;
  RESLAB_HOOK("lost_active");
  deactivate(slot, unit, identity);
}

void look_at(uint32_t unit) {
  const uint64_t state = slab_at(unit).state.load(std::memory_order_seq_cst);
  const SlabIdentity identity = identity_of(state);
  if (!is_slab_class(identity.cls) || (flags_of(state) & kSlabListed) != 0) return;
  if ((flags_of(state) & kSlabActive) == 0) slab_let_go(unit, identity);
  else look_at_active(unit, identity, active_slot_of(flags_of(state)));
}

}  // namespace

void relist_lost_slabs(uint32_t units) {
  const uint32_t frontier = arena().frontier();
  if (frontier <= 1) return;
  uint32_t unit = next_look.load(std::memory_order_relaxed);  // relaxed: where to begin, no more
  for (; units > 0; --units, ++unit) {
    if (unit >= frontier) unit = 1;
    look_at(unit);
  }
  next_look.store(unit, std::memory_order_relaxed);
}

}  // namespace reslab
