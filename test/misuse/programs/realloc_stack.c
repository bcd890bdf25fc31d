/* SPDX-License-Identifier: Apache-2.0 */
// expect [] realloc: NotOurs
#include "../misuse.h"

int main(void) {
  char local[64];
  free(hide(realloc(hide(local), 100)));
  return 0;
}
