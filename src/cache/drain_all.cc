// SPDX-License-Identifier: Apache-2.0
// Maintenance: the caches give back all they hold.
#include "arena/arena.h"
#include "cache/active_slab.h"
#include "cache/cache.h"
#include "cache/cpu_state.h"
#include "cache/drain.h"
#include "cache/give_back.h"
#include "cache/lost_slabs.h"
#include "slab/slab.h"

namespace reslab {
namespace {

void give_back(ClassId, void* object) { give_back_object(object); }

// What the slots have of a class.
void drain_slots(ClassId cls) {
  for (uint32_t slot = 0; slot < slots().count(); ++slot) {
    if (!slots().is_ready(slot)) continue;
    magazine_drain(slot, cls, give_back);
    release_active(slot, cls);
  }
}

void drain_depot(ClassId cls) {
  empty_depot(cls);
  slab_sweep_all(cls);
}

}  // namespace

void cache_drain_class(ClassId cls) {
  finish_abandoned_drain(give_back);
  drain_all_deferred();
  drain_slots(cls);
  relist_lost_slabs(arena().frontier());
  drain_depot(cls);
}

void cache_drain_all() {
  finish_abandoned_drain(give_back);
  drain_all_deferred();
  for (const ClassId cls : all_classes()) drain_slots(cls);
  relist_lost_slabs(arena().frontier());
  for (const ClassId cls : all_classes()) drain_depot(cls);
}

}  // namespace reslab
