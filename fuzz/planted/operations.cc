// SPDX-License-Identifier: Apache-2.0
// A fault for a fuzzer to find: an object that grows large loses what its first byte was. runs_test.py has the model of
// operations_fuzz.cc call this in place of reslab_realloc. What the object took before is not asked, as that depends on the
// inputs of before: a strict call may be served by a larger class.

#include <reslab/reslab.h>

extern "C" void* spoiling_realloc(void* object, size_t size) {
  auto* moved = static_cast<unsigned char*>(reslab_realloc(object, size));
  if (object != nullptr && moved != nullptr && size >= 4096) moved[0] ^= 1;
  return moved;
}
