// SPDX-License-Identifier: Apache-2.0
// Calls in the middle of which another actor does something that they must notice: an identity that is another one by now,
// a list that is empty, a mark that has moved.
#include <reslab/reslab.h>

#include "deeds.h"
#include "tables.h"

namespace reentry::table {

using namespace state;
using namespace deed;

std::vector<Operation> races() {
  return {
      {"refill, the popped slab is given back", "malloc", 512, 0, 0, kObject, 512, empty_slab_to_pop, nullptr, 0,
       "slab_pop_unlisted", another_trims},
      {"refill, the slab is another by then", "malloc", kSmall, 0, 0, kObject, kSmall, nowhere, nullptr, 0, "slab_take",
       another_trims_and_refills},
      {"refill, the slab is another by then, and has some", "malloc", 2048, 0, 0, kObject, 2048, nowhere, nullptr, 0,
       "slab_take", another_trims_and_refills},
      {"refill, the last bit of a word is taken", "malloc", kSmall, 0, 0, kObject, kSmall, in_almost_full_slabs,
       nullptr, 0, "slab_take", handler_takes_one_bit},
      {"refill, the slab is none by then", "malloc", kSmall, 0, 0, kObject, kSmall, nowhere, nullptr, 0, "slab_take",
       another_trims},
      {"refill, the new slab is given back", "malloc", kSmall, 0, 0, kObject, kSmall, nowhere, nullptr, 0,
       "slab_filled", another_trims},
      {"refill, a partial slab is none before it is installed", "malloc", 512, 0, 0, kObject, 512, empty_slab_to_pop,
       nullptr, 0, "install_active", another_trims},
      {"refill, the slab is given back before it is installed", "malloc", kSmall, 0, 0, kObject, kSmall, nowhere,
       nullptr, 0, "install_active", another_trims},
      {"refill, another slab is active by then", "malloc", kSmall, 0, 0, kObject, kSmall, nowhere, nullptr, 0,
       "slab_activate", handler_refills},
      {"refill, another slab is active by then, partial", "malloc", kSmall, 0, 0, kObject, kSmall, in_partial_slab,
       nullptr, 0, "slab_activate", handler_refills},
      {"refill, the active slab is given back", "malloc", kSmall, 0, 0, kObject, kSmall, in_active_slab, nullptr, 0,
       "active_seen", another_trims},
      {"deactivation that another has done", "malloc", kSmall, 0, 0, kObject, kSmall, active_slab_used_up, nullptr, 0,
       "retire_active", another_trims},
      {"nolock from one bit, the slab is none by then", "reslab_malloc_nolock", kSmall, RESLAB_NORETRY, 0, kObject,
       kSmall, nowhere, nullptr, kMayFail | kUnderLock, "slab_take_one", another_trims},
      {"nolock from one bit, the slab is another by then", "reslab_malloc_nolock", kSmall, RESLAB_NORETRY, 0, kObject,
       kSmall, nowhere, nullptr, kMayFail | kUnderLock, "slab_take_one", another_trims_and_refills},
      {"new slab, the units are gone", "malloc", kSmall, 0, 0, kObject, kSmall, units_are_back, nullptr, kRare,
       "unit_claim", handler_takes_all_units},
      {"a run, the units are gone", "malloc", kRun, 0, 0, kObject, kRun, units_are_back, nullptr, kRare,
       "unit_claim_run", handler_takes_all_units},
  };
}

}  // namespace reentry::table
