/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: NeverHandedOut
#include "../misuse.h"

int main(void) {
  free(object(64));
  struct reslab_status status;
  reslab_get_status(&status, sizeof status);
  free(hide((void*)(uintptr_t)(status.arena_base + status.arena_window_bytes - 65536)));
  return 0;
}
