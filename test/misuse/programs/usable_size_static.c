/* SPDX-License-Identifier: Apache-2.0 */
// expect [] malloc_usable_size: NotOurs
#include "../misuse.h"

static char bytes[4096];

int main(void) {
  bytes[0] = (char)malloc_usable_size(hide(bytes));
  return 0;
}
