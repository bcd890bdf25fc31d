/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: NotOurs
#include "../misuse.h"

static char bytes[4096];

int main(void) {
  free(hide(bytes));
  return 0;
}
