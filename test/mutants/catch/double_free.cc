// SPDX-License-Identifier: Apache-2.0
// Freeing twice ends in a report: twice in a row (15), and when the object has gone back to its slab in between, at the
// latest where the second one gets there.
#include "catcher.h"

using namespace catcher;

namespace {

void* pair[2];

void free_twice_in_a_row() {
  reslab_free(pair[0]);
  reslab_free(opaque(pair[0]));
}

// The other object keeps the slab where it is.
void free_again_after_the_slab_has_it() {
  reslab_free(pair[0]);
  reslab_trim(0);
  reslab_free(opaque(pair[0]));
  reslab_trim(0);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  for (void*& object : pair) object = reslab_malloc(64);
  expect_report(free_twice_in_a_row, "double free");
  expect_report(free_again_after_the_slab_has_it, "double free");
}
