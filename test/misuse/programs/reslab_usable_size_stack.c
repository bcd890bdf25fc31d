/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_usable_size: NotOurs
#include "../misuse.h"

int main(void) {
  char local[64];
  return reslab_usable_size(hide(local)) == 0;
  return 0;
}
