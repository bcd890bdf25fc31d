/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_free_nolock: Interior(32, *, 1024)
#include "../misuse.h"

int main(void) {
  reslab_free_nolock(object(1000) + 32);
  return 0;
}
