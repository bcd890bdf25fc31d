// SPDX-License-Identifier: Apache-2.0
#include "cache/active_slab.h"

#include "base/for_tries.h"
#include "base/hooks.h"
#include "cache/cpu_state.h"

namespace reslab {

void install_active(uint32_t slot, uint32_t unit, SlabIdentity identity) {
  if (!slab_activate(unit, identity, slot)) return;
  std::atomic<uint32_t>& active = class_slot(slot, identity.cls).active;
  uint32_t holder = 0;
  RESLAB_HOOK("install_active");
  if (!active.compare_exchange_strong(holder, unit, std::memory_order_seq_cst)) {
    if (holder != unit) deactivate(slot, unit, identity);
    return;
  }
  RESLAB_HOOK("active_installed");
  if (!slab_is_active(unit, identity, slot)) deactivate(slot, unit, identity);
}

void deactivate(uint32_t slot, uint32_t unit, SlabIdentity identity) {
  if (!is_slab_class(identity.cls)) return;  // it was taken for a lost one, and retired since
  std::atomic<uint32_t>& active = class_slot(slot, identity.cls).active;
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    slab_deactivate(unit, identity, slot);
    uint32_t installed = unit;
    if (active.load(std::memory_order_seq_cst) != unit ||
        !active.compare_exchange_strong(installed, 0, std::memory_order_seq_cst)) {
      return;
    }
    RESLAB_HOOK("active_emptied");
    const uint64_t now = slab_at(unit).state.load(std::memory_order_seq_cst);
    if (identity_of(now).cls != identity.cls || flags_of(now) != active_in(slot)) return;
    identity = identity_of(now);  // installed once more, perhaps as the next slab of these units: nobody would find it
  }
  // So often installed meanwhile: it is called active, and in no slot. A look for lost slabs finds it.
}

bool remove_active(uint32_t slot, ClassId cls, uint32_t unit) {
  if (!class_slot(slot, cls).active.compare_exchange_strong(unit, 0, std::memory_order_seq_cst)) return false;
  deactivate(slot, unit, identity_of(slab_at(unit).state.load(std::memory_order_seq_cst)));
  return true;
}

void release_active(uint32_t slot, ClassId cls) {
  const uint32_t unit = class_slot(slot, cls).active.load(std::memory_order_acquire);
  if (unit == 0) return;
  RESLAB_HOOK("release_active");
  remove_active(slot, cls, unit);
}

}  // namespace reslab
