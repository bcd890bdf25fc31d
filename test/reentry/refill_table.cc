// SPDX-License-Identifier: Apache-2.0
// Allocations that find nothing in the magazine.
#include <reslab/reslab.h>

#include "tables.h"

namespace reentry::table {

using namespace state;

std::vector<Operation> refills() {
  return {
      {"refill from the depot", "malloc", kSmall, 0, 0, kObject, kSmall, in_depot, "depot_take", kFaults},
      {"refill from the active slab", "malloc", kSmall, 0, 0, kObject, kSmall, in_active_slab, "slab_take", kFaults},
      {"refill from the active slab, inline bits", "malloc", 128, 0, 0, kObject, 128, in_active_slab, "slab_take", 0},
      {"refill from a partial slab", "malloc", kSmall, 0, 0, kObject, kSmall, in_partial_slab, "slab_popped", kFaults},
      {"refill from almost full slabs", "malloc", 512, 0, 0, kObject, 512, in_almost_full_slabs, "slab_deactivate",
       kFaults},
      {"refill from the own deferred list", "malloc", kSmall, 0, 0, kObject, kSmall, in_own_deferred_list,
       "deferred_pop", kFaults},
      {"refill from another deferred list", "malloc", kSmall, 0, 0, kObject, kSmall, in_other_deferred_list,
       "deferred_pop", kFaults},
      {"refill from a new slab", "malloc", kSmall, 0, 0, kObject, kSmall, nowhere, "slab_create", kFaults},
      {"deactivation", "malloc", kSmall, 0, 0, kObject, kSmall, active_slab_used_up, "slab_deactivate", kFaults},
      {"first of a large class", "malloc", 20000, 0, 0, kObject, 20000, nowhere, "slab_create", kFaults},
      {"nolock refill from the depot", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, in_depot, "depot_take",
       kStrict | kMayFail},
      {"nolock refill from the active slab", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, in_active_slab,
       "slab_take", kStrict | kMayFail},
      {"nolock refill from a partial slab", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, in_partial_slab,
       "slab_popped", kStrict | kMayFail},
      {"nolock refill from almost full slabs", "reslab_malloc_nolock", 512, 0, 0, kObject, 512, in_almost_full_slabs,
       "slab_deactivate", kStrict | kMayFail},
      {"nolock refill from the own deferred list", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall,
       in_own_deferred_list, "deferred_pop", kStrict | kMayFail},
      {"nolock refill from another deferred list", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall,
       in_other_deferred_list, "deferred_pop", kStrict | kMayFail},
      {"nolock refill, long deferred lists", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall,
       in_long_deferred_lists, "deferred_pop", kStrict | kMayFail | kLongOnly},
      {"nolock refill from a new slab", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, nowhere, "slab_create",
       kStrict | kMayFail},
      {"nolock deactivation", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, active_slab_used_up,
       "slab_deactivate", kStrict | kMayFail},
      {"nolock from another bucket", "reslab_malloc_nolock", kSmall, 0, 0, kObject, kSmall, next_class_has_some,
       nullptr, kStrict | kMayFail | kUnderLock},
      {"nolock from one bit", "reslab_malloc_nolock", kSmall, RESLAB_NORETRY, 0, kObject, kSmall, in_active_slab,
       "slab_take_one", kStrict | kMayFail | kUnderLock},
      {"refill from blocks that are too large", "malloc", 96, 0, 0, kObject, 96, in_depot_beyond_magazine, "depot_put",
       kRare | kFaults},
      {"nolock from one bit of a partial slab", "reslab_malloc_nolock", kSmall, RESLAB_NORETRY, 0, kObject, kSmall,
       in_partial_slab, "slab_take_one", kStrict | kMayFail | kUnderLock},
      {"nolock from one bit of a slab on the other list", "reslab_malloc_nolock", 6144, RESLAB_NORETRY, 0, kObject,
       6144, partial_slabs_on_other_list, "slab_take_one", kStrict | kMayFail | kUnderLock | kRare},
      {"refill that makes a large class warm", "malloc", 20000, 0, 0, kObject, 20000, magazine_almost_warm, "refill",
       kRare},
      {"refill that ends the ebb", "malloc", 192, 0, 0, kObject, 192, in_the_ebb, "slab_create", kRare},
      {"nolock from one bit of a new slab", "reslab_malloc_nolock", kSmall, RESLAB_NORETRY, 0, kObject, kSmall, nowhere,
       "slab_create", kStrict | kMayFail | kUnderLock},
      {"plain refill while the lock is held", "malloc", kSmall, 0, 0, kObject, kSmall, in_partial_slab, "slab_popped",
       kUnderLock},
  };
}

}  // namespace reentry::table
