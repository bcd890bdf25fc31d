/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: NotOurs
#include "../misuse.h"

int main(void) {
  free(hide((void*)UINTPTR_MAX));
  return 0;
}
