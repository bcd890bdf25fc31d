// SPDX-License-Identifier: Apache-2.0
// A fault for a fuzzer to find: of pointers into the middle of objects a few are ignored. runs_test.py has misuse_fuzz.cc call
// this in place of reslab_free.

#include <reslab/reslab.h>

#include <cstdint>

extern "C" void forgiving_free(void* object) {
  if (reinterpret_cast<uintptr_t>(object) % 16 != 11) reslab_free(object);
}
