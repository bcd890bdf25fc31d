/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: NotOurs
#include "../misuse.h"

static void misuse(void) {
  char local[16];
  free(hide(local));
}

// Runs ahead of every constructor, the library's included.
__attribute__((section(".preinit_array"), used)) static void (*const at_start)(void) = misuse;

int main(void) { return 0; }
