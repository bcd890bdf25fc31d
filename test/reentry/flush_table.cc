// SPDX-License-Identifier: Apache-2.0
// Frees that find no room in the magazine.
#include <reslab/reslab.h>

#include "tables.h"

namespace reentry::table {

using namespace state;

std::vector<Operation> flushes() {
  return {
      {"magazine grows", "free", kIt, 0, 0, kNothing, 96, magazine_cold, nullptr, kOwnSubject | kRare},
      {"flush to the depot", "free", kIt, 0, 0, kNothing, kSmall, magazine_full, "depot_put",
       kOwnSubject | kFaults | kEachRace},
      {"flush to the slabs", "free", kIt, 0, 0, kNothing, kSmall, magazine_full_depot_full, "slab_give",
       kOwnSubject | kFaults | kRare},
      {"flush of a sparse class", "free", kIt, 0, 0, kNothing, 512, sparse_class, "flush", kOwnSubject | kRare},
      {"flush of a sparse class, warm elsewhere", "free", kIt, 0, 0, kNothing, 512, sparse_class_warm_elsewhere,
       "flush", kOwnSubject | kRare},
      {"flush of a sparse large class, warm elsewhere", "free", kIt, 0, 0, kNothing, 20000,
       sparse_large_class_warm_elsewhere, "flush", kOwnSubject | kRare | kGapsOnly},
      {"flush of a scattered class", "free", kIt, 0, 0, kNothing, 2048, scattered_class, "slab_purge",
       kOwnSubject | kRare},
      {"flush that gives slabs back", "free", kIt, 0, 0, kNothing, 512, sparse_class_of_empty_slabs, "slab_retire",
       kOwnSubject | kRare | kFaults},
      {"flush that ages the depot", "free", kIt, 0, 0, kNothing, 8192, flush_before_ageing, "slab_give",
       kOwnSubject | kRare},
      {"nolock free to the deferred list", "reslab_free_nolock", kIt, 0, 0, kNothing, kSmall, magazine_full,
       "deferred_push", kOwnSubject | kStrict | kFaults},
      {"nolock free of one bit", "reslab_free_nolock", kIt, 0, 0, kNothing, kSmall, magazine_full_deferred_full,
       "slab_give", kOwnSubject | kStrict},
      {"free that makes a large class warm", "free", kIt, 0, 0, kNothing, 20000, magazine_almost_warm, nullptr,
       kOwnSubject | kRare},
      {"flush that finds a slab not yet empty", "free", kIt, 0, 0, kNothing, 640, last_object_of_slab, "slab_retire",
       kOwnSubject | kRare | kInsideGive},
      {"flush inside a refill", "free", kIt, 0, 0, kNothing, kSmall, magazine_full, "depot_put", kOwnSubject | kInside},
      {"free of a run inside a refill", "free", kIt, 0, 0, kNothing, kRun, subject_before_free_units, "run_free",
       kOwnSubject | kInside},
      {"free of a large object", "free", kIt, 0, 0, kNothing, 20000, in_active_slab, nullptr, kOwnSubject},
      {"nolock free of a run", "reslab_free_nolock", kIt, 0, 0, kNothing, kRun, subject_of_units, "run_free",
       kOwnSubject | kStrict},
      {"flush_deferred", "reslab_flush_deferred", 0, 0, 0, Gives::kCount, kSmall, in_own_deferred_list, "deferred_pop",
       0},
      {"trim", "reslab_trim", 0, 0, 0, Gives::kCount, kSmall, everything_cached, "slab_retire", kRare | kLongOnly},
  };
}

}  // namespace reentry::table
