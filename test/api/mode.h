// SPDX-License-Identifier: Apache-2.0
/* For programs that link the library: which mode it runs in. */
#ifndef RESLAB_TEST_API_MODE_H
#define RESLAB_TEST_API_MODE_H

#include "expect.h"

static inline void expect_mode(void) {
  struct reslab_status status;
  memset(&status, 0, sizeof status);
  EXPECT(reslab_get_status(&status, sizeof status) == 0);
  expect_mode_of(&status);
}

#endif
