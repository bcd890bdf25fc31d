// SPDX-License-Identifier: Apache-2.0
// A fault for a fuzzer to find: a small object that grows large loses what its first byte was. runs_test.py has the model
// of operations_fuzz.cc call this in place of reslab_realloc.

#include <reslab/reslab.h>

extern "C" void* spoiling_realloc(void* object, size_t size) {
  const bool was_small = reslab_usable_size(object) <= 64;
  auto* moved = static_cast<unsigned char*>(reslab_realloc(object, size));
  if (moved != nullptr && was_small && size >= 4096) moved[0] ^= 1;
  return moved;
}
