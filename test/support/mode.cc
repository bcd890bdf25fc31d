// SPDX-License-Identifier: Apache-2.0
#include "mode.h"

#include <reslab/reslab.h>

#include <cstring>

#include "failure.h"

namespace support {

const char* require_mode(const char* mode) {
  reslab_status status = {};
  if (reslab_get_status(&status, sizeof status) != 0) status.mode = RESLAB_MODE_NONE;
  const char* real = status.mode == RESLAB_MODE_RSEQ       ? "rseq"
                     : status.mode == RESLAB_MODE_FALLBACK ? "fallback"
                                                           : "none";
  expect(mode == nullptr || strcmp(mode, real) == 0, "the library runs in mode %s, not in %s: %s", real, mode,
         status.mode_reason);
  char slots[16] = "";
  if (status.mode == RESLAB_MODE_RSEQ && reslab_option_get("slots", slots, sizeof slots) == 0) {
    expect(strcmp(slots, "auto") == 0 || strstr(status.mode_reason, slots) != nullptr,
           "the magazines are not numbered by %s: %s", slots, status.mode_reason);
  }
  return real;
}

}  // namespace support
