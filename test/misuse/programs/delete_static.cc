// SPDX-License-Identifier: Apache-2.0
// expect [] free: NotOurs
#include "../misuse.h"

#include <new>

static char bytes[4096];

int main(void) {
  operator delete (static_cast<void*>(hide(bytes)), size_t{16});
  return 0;
}
