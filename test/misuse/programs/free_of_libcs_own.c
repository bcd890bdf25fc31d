/* SPDX-License-Identifier: Apache-2.0 */
// expect-form preload
// expect [] free: NotOurs
#include <dlfcn.h>

#include "../misuse.h"

int main(void) {
  void* (*libc_malloc)(size_t) = (void* (*)(size_t))dlsym(RTLD_DEFAULT, "__libc_malloc");
  free(hide(libc_malloc(64)));
  return 0;
}
