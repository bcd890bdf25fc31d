/* SPDX-License-Identifier: Apache-2.0 */
/* A companion to the library under test, for programs whose workers end by _exit, which runs no exit handler.
 *
 * It takes over _exit and _Exit: they write what the library's own statistics at exit would have said, as far as the
 * tests ask for it, to RESLAB_EXIT_STATISTICS/stats.PID, and then end the process. It allocates nothing, and does
 * nothing in a process that has no reslab or no such variable. */

#define _GNU_SOURCE

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reslab/reslab.h"

#pragma weak reslab_get_class_stats
#pragma weak reslab_get_stats
#pragma weak reslab_get_status

static const char* mode_name(uint32_t mode) {
  switch (mode) {
    case RESLAB_MODE_RSEQ:
      return "rseq";
    case RESLAB_MODE_FALLBACK:
      return "fallback";
    default:
      return "none";
  }
}

/* What has left the magazines again, as the library's own statistics have it. */
static uint64_t served(const struct reslab_stats* stats) {
  static struct reslab_class_stats classes[4096];
  int const count = reslab_get_class_stats(classes, 4096, sizeof classes[0]);
  uint64_t cached = 0;
  for (int i = 0; i < count; ++i) cached += classes[i].in_magazines;
  return stats->allocs > cached ? stats->allocs - cached : 0;
}

static void write_statistics(const char* folder) {
  struct reslab_stats stats = {0};
  struct reslab_status status = {0};
  if (reslab_get_stats(&stats, sizeof stats) != 0 || reslab_get_status(&status, sizeof status) != 0) return;
  char path[4096];
  char unfinished[4096];
  char text[1024];
  int const pid = (int)getpid();
  snprintf(path, sizeof path, "%s/stats.%d", folder, pid);
  snprintf(unfinished, sizeof unfinished, "%s/unfinished.%d", folder, pid); /* of one that is killed at it */
  int const length =
      snprintf(text, sizeof text,
               "pid=%d\nmode=%s\nmode_reason=%s\nallocs=%" PRIu64 "\nfrees=%" PRIu64 "\nrefills=%" PRIu64
               "\nflushes=%" PRIu64 "\ndouble_frees=%" PRIu64 "\ninvalid_frees=%" PRIu64 "\nserved=%" PRIu64 "\n",
               pid, mode_name(status.mode), status.mode_reason, stats.allocs, stats.frees, stats.refills, stats.flushes,
               stats.double_frees, stats.invalid_frees, served(&stats));
  int const fd = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  /* A write cut short leaves a file without its last counters, which the tests take for a failure. */
  ssize_t const written = write(fd, text, (size_t)length);
  (void)written;
  close(fd);
  rename(unfinished, path);
}

_Noreturn void _exit(int status) {
  const char* folder = getenv("RESLAB_EXIT_STATISTICS");
  if (folder && reslab_get_stats && reslab_get_status) write_statistics(folder);
  for (;;) syscall(SYS_exit_group, status);
}

_Noreturn void _Exit(int status) { _exit(status); }
