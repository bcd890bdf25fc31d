// SPDX-License-Identifier: Apache-2.0
// That these programs test what they should.
#pragma once

namespace storm {

// Fails unless malloc is the library's and it runs in `mode`, "rseq" or "fallback".
void require_malloc_in_mode(const char* mode);

}  // namespace storm
