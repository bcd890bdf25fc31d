/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded under the shell blocks of the documents: whoever runs on reslab leaves the mode it runs in in the file
 * RESLAB_TEST_MODES, and does not go on in another one than RESLAB_TEST_MODE. Who does not is left alone. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <reslab/reslab.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma weak reslab_get_status
#pragma weak reslab_malloc
#pragma weak reslab_free

__attribute__((constructor)) static void tell(void) {
  const char *wanted = getenv("RESLAB_TEST_MODE"), *path = getenv("RESLAB_TEST_MODES");
  if (reslab_get_status == NULL || wanted == NULL || path == NULL) return;
  reslab_free(reslab_malloc(1)); /* nothing is decided before something is allocated */
  struct reslab_status status = {0};
  (void)reslab_get_status(&status, sizeof status);
  const char* mode = status.mode == RESLAB_MODE_RSEQ       ? "rseq"
                     : status.mode == RESLAB_MODE_FALLBACK ? "fallback"
                                                           : "none";
  const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || dprintf(file, "%s\n", mode) < 0 || close(file) != 0) _exit(3);
  if (strcmp(mode, wanted) != 0) _exit(3);
}
