// SPDX-License-Identifier: Apache-2.0
// expect [] free: DoubleFree + Object(*, 64)
#include "../misuse.h"

#include <new>

int main(void) {
  void* one = hide(operator new(64));
  operator delete(one);
  operator delete(one);
  return 0;
}
