// SPDX-License-Identifier: Apache-2.0
// In each program that is judged from outside: it runs in the mode that its test has asked for, or not at all.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "reslab/reslab.h"

namespace {

const char* mode_now() {
  reslab_status status = {};
  if (reslab_get_status(&status, sizeof status) != 0) return "none";
  return status.mode == RESLAB_MODE_RSEQ ? "rseq" : status.mode == RESLAB_MODE_FALLBACK ? "fallback" : "none";
}

__attribute__((constructor)) void require_mode() {
  const char* wanted = getenv("RESLAB_TEST_MODE");
  if (wanted != nullptr && strcmp(mode_now(), wanted) == 0) return;
  dprintf(STDERR_FILENO, "the library runs in mode %s, not in %s\n", mode_now(),
          wanted ? wanted : "one that was asked for");
  _exit(3);
}

}  // namespace
