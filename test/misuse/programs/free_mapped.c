/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: NotOurs
#include "../misuse.h"

int main(void) {
  free(hide(mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
  return 0;
}
