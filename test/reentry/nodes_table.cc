// SPDX-License-Identifier: Apache-2.0
// Calls of a process with several nodes of memory: one table, for processes with nodes=2. The other slot is on the other
// node.
#include <reslab/reslab.h>

#include "tables.h"

namespace reentry::table {

using namespace state;

std::vector<Operation> nodes() {
  return {
      {"flush of another node's objects", "free", kIt, 0, 0, kNothing, kSmall, magazine_full_of_far_objects,
       "homeward_split", kOwnSubject | kFaults | kEachRace},
      {"flush with a few of another node's objects", "free", kIt, 0, 0, kNothing, kSmall, magazine_full_of_a_few_far,
       "homeward_split", kOwnSubject | kRare},
      {"flush to the own depot", "free", kIt, 0, 0, kNothing, kSmall, magazine_full, "depot_put", kOwnSubject | kRare},
      {"malloc that refills", "malloc", kSmall, 0, 0, kObject, kSmall, nowhere, "refill", 0},
      {"malloc_nolock, named node", "reslab_malloc_nolock", kSmall, RESLAB_NODE(0) | RESLAB_ZERO, 0, kObject, kSmall,
       far_in_slabs, nullptr, kStrict | kMayFail | kZeroes},
      {"malloc_nolock, the other named node", "reslab_malloc_nolock", kSmall, RESLAB_NODE(1) | RESLAB_ZERO, 0, kObject,
       kSmall, far_in_slabs, nullptr, kStrict | kMayFail | kZeroes},
      {"malloc_nolock of a middle size, named node", "reslab_malloc_nolock", 500, RESLAB_NODE(0), 0, kObject, 500,
       far_in_slabs, nullptr, kStrict | kMayFail},
      {"malloc_nolock of a middle size, the other named node", "reslab_malloc_nolock", 500, RESLAB_NODE(1), 0, kObject,
       500, far_in_slabs, nullptr, kStrict | kMayFail},
      {"malloc beside another node's depot", "malloc", kSmall, 0, 0, kObject, kSmall, far_in_depot, "refill", 0},
      {"malloc_nolock, named node, none there", "reslab_malloc_nolock", kSmall, RESLAB_NODE(0) | RESLAB_ZERO, 0,
       kObject, kSmall, nowhere, nullptr, kStrict | kMayFail | kZeroes},
      {"malloc_nolock, the other named node, none there", "reslab_malloc_nolock", kSmall, RESLAB_NODE(1), 0, kObject,
       kSmall, nowhere, nullptr, kStrict | kMayFail},
      {"malloc_nolock, named node, inside a refill", "reslab_malloc_nolock", kSmall, RESLAB_NODE(0), 0, kObject, kSmall,
       far_in_slabs, nullptr, kMayFail | kInside},
      {"malloc_nolock, the other named node, inside a refill", "reslab_malloc_nolock", kSmall, RESLAB_NODE(1), 0,
       kObject, kSmall, far_in_slabs, nullptr, kMayFail | kInside},
      {"malloc_nolock of too much, named node", "reslab_malloc_nolock", kHuge, RESLAB_NODE(1), 0, kObject, kSmall,
       one_in_magazine, nullptr, kStrict | kMustFail | kMayFail},
      {"flush that gives slabs back", "free", kIt, 0, 0, kNothing, 512, sparse_class_of_empty_slabs, "slab_retire",
       kOwnSubject | kRare},
      {"flush of a scattered class", "free", kIt, 0, 0, kNothing, 2048, scattered_class, "slab_purge",
       kOwnSubject | kRare},
      {"malloc_nolock, no such node", "reslab_malloc_nolock", kSmall, RESLAB_NODE(9), 0, kObject, kSmall,
       one_in_magazine, nullptr, kStrict | kMayFail},
      {"realloc of a run grows in place", "realloc", kIt, 3 * kRun, 0, kObject, kRun, subject_before_free_units,
       "unit_claim_run", kOwnSubject | kRare},
      {"realloc of a run moves its pages", "realloc", kIt, 3 * kHuge, 0, kObject, kHuge, subject_before_used_units,
       "run_claimed", kOwnSubject | kRare},
      {"malloc of a run", "malloc", kRun, 0, 0, kObject, kRun, freed_units, nullptr, 0},
      {"trim", "reslab_trim", 0, 0, 0, Gives::kCount, kSmall, everything_cached, "slab_retire", kRare | kLongOnly},
  };
}

}  // namespace reentry::table
