/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: NotOurs
#include "../misuse.h"

int main(void) {
  char local[64];
  free(hide(local));
  return 0;
}
