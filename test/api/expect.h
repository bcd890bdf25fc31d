// SPDX-License-Identifier: Apache-2.0
/* Checks for the small programs of this folder, in C and C++, that run without a test framework because they test what
 * a framework would disturb: which libraries are loaded, what the first call finds, how much address space is left. */
#ifndef RESLAB_TEST_API_EXPECT_H
#define RESLAB_TEST_API_EXPECT_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <reslab/reslab.h>

enum { kSkipped = 77 }; /* meson's exit status for a test that the machine does not allow */

static int failures;

/* No stdio, which allocates: this has to work where memory is short. */
static inline void expect_at(int holds, const char* condition, const char* file, int line) {
  if (holds) return;
  ++failures;
  char text[512];
  const int length = snprintf(text, sizeof text, "%s:%d: does not hold: %s (errno %d)\n", file, line, condition, errno);
  if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0) _exit(2);
}

#define EXPECT(condition) expect_at(!!(condition), #condition, __FILE__, __LINE__)

/* What comes back is a pointer of which the compiler knows nothing: neither that it is fresh, nor aligned, nor that the
 * memory behind it goes away unread. */
static inline void* opaque(void* pointer) {
  __asm__ volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

static inline int is_aligned(const void* pointer, size_t alignment) { return (uintptr_t)pointer % alignment == 0; }

/* RESLAB_TEST_MODE names the mode that the test was started for. */
static inline void expect_mode_of(const struct reslab_status* status) {
  const char* wanted = getenv("RESLAB_TEST_MODE");
  const char* found = status->mode == RESLAB_MODE_RSEQ       ? "rseq"
                      : status->mode == RESLAB_MODE_FALLBACK ? "fallback"
                                                             : "none";
  EXPECT(wanted != NULL && strcmp(wanted, found) == 0);
}

/* The exit status of the program. */
static inline int verdict(void) { return failures == 0 ? 0 : 1; }

#endif
