// SPDX-License-Identifier: Apache-2.0
// That these programs test what they should, and for as long as they are told.
#pragma once

#include "arguments.h"

namespace storm {

// Fails unless malloc is the library's and it runs in `mode`, "rseq" or "fallback".
void require_malloc_in_mode(const char* mode);

// By --minutes or --seconds.
unsigned seconds_of(const support::Arguments& arguments, unsigned absent);

}  // namespace storm
