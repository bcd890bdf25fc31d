// SPDX-License-Identifier: Apache-2.0
// States of runs that were freed and are kept whole for the next of their length (arena/run_cache.h).
#include <reslab/reslab.h>

#include "heap_states.h"
#include "stock.h"
#include "typed_states.h"

namespace reentry::state {
namespace {

constexpr size_t kPlaces = 16;
constexpr size_t kMuch = 64 << 20;  // in use, of which a share may be free and dirty

void* one_unit() { return reslab_aligned_alloc(size_t{128} << 10, 100); }

}  // namespace

void run_kept(size_t bytes) {
  release_stock();
  reslab_free(allocate(bytes));
}

void runs_kept_and_long_subject(size_t bytes) {
  run_kept(300000);
  the_subject = allocate(bytes);
}

void no_place_to_keep(size_t) {
  release_stock();
  the_last = allocate(kMuch);
  void* runs[kPlaces];
  for (void*& run : runs) run = one_unit();
  the_subject = one_unit();
  for (void* run : runs) reslab_free(run);
}

void only_kept_units(size_t bytes) {
  constexpr size_t kRunBytes = 300000;
  units_are_back(bytes);
  void* run = allocate(kRunBytes);
  hoard_units();
  reslab_free(run);
}

void subject_beside_free_units(size_t bytes) {
  freed_units(300000);
  subject_small(bytes);
}

}  // namespace reentry::state
