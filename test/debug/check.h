/* SPDX-License-Identifier: Apache-2.0 */
/* What these programs hold a case to, which is a process of its own. */
#pragma once

#include <stdio.h>
#include <unistd.h>

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      _exit(9);                                                                      \
    }                                                                                \
  } while (0)
