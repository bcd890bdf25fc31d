/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_reserve_alloc: NotOurs
#include "../misuse.h"

static char bytes[4096];

int main(void) {
  return hide(reslab_reserve_alloc((reslab_reserve*)hide(bytes), 16, 0)) == NULL;
  return 0;
}
