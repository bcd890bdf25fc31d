// SPDX-License-Identifier: Apache-2.0
// A fault for a fuzzer to find: an allocation that a handler's has interrupted gives an address that is not aligned.
// runs_test.py has operations_fuzz.cc call this in place of reslab_malloc.

#include <reslab/reslab.h>

extern "C" void* misaligning_malloc(size_t size) {
  static unsigned begun;
  const unsigned mine = ++begun;
  auto* object = static_cast<char*>(reslab_malloc(size));
  return object != nullptr && begun != mine ? object + 8 : object;
}
