/* SPDX-License-Identifier: Apache-2.0 */
/* Written with no thought of signal handlers, like the log functions of most servers: localtime() frees and copies the
 * name of the time zone's file at each call while TZ is not set, fopen() allocates a FILE and its buffer, fclose() frees
 * them. */
#include "log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

const char* log_path = NULL;

void log_line(const char* message) {
  const time_t now = time(NULL);
  char stamp[64];
  strftime(stamp, sizeof stamp, "%d %b %H:%M:%S", localtime(&now));
  FILE* const file = log_path == NULL ? stdout : fopen(log_path, "a");
  if (file == NULL) return;
  fprintf(file, "[%d] %s # %s\n", (int)getpid(), stamp, message);
  if (file == stdout) {
    fflush(file);
  } else {
    fclose(file);
  }
}
