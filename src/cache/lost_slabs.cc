#include "cache/lost_slabs.h"

#include "arena/arena.h"
#include "cache/cpu_state.h"
#include "slab/slab.h"

namespace reslab {
namespace {

constinit std::atomic<uint32_t> next_look{1};

bool is_in_active_slot(uint32_t unit, ClassId cls) {
  for (uint32_t slot = 0; slot < slots().count(); ++slot) {
    // acquire: a slab is called active before it is installed.
    if (slots().is_ready(slot) && class_slot(slot, cls).active.load(std::memory_order_acquire) == unit) return true;
  }
  return false;
}

void look_at(uint32_t unit) {
  const uint64_t state = slab_at(unit).state.load(std::memory_order_seq_cst);
  const SlabIdentity identity = identity_of(state);
  if (identity.cls == kNoClass || identity.cls >= kMallocClasses || (flags_of(state) & kSlabListed) != 0) return;
  if ((flags_of(state) & kSlabActive) == 0) slab_let_go(unit, identity);
  else if (!is_in_active_slot(unit, identity.cls)) slab_deactivate(unit, identity);
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
