// SPDX-License-Identifier: Apache-2.0
// A large block that cannot grow where it lies takes its pages along: a copy would fault once for each of the new place.
#include <sys/mman.h>
#include <sys/resource.h>

#include <cstring>

#include "catcher.h"

using namespace catcher;

namespace {

long page_faults() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  constexpr size_t kBytes = 32 << 20;
  void* object = reslab_malloc(kBytes);
  madvise(object, kBytes, MADV_NOHUGEPAGE);
  memset(object, 5, kBytes);
  opaque(reslab_malloc(1 << 20));  // in the way
  const long faults = page_faults();
  char* moved = static_cast<char*>(reslab_realloc(object, kBytes + (8 << 20)));
  expect(page_faults() - faults < 100, "the pages of a large block were copied");
  expect(moved != object && moved[0] == 5 && moved[kBytes - 1] == 5, "the block did not move, or changed");
  reslab_free(moved);
  expect_sound_heap();
  return 0;
}
