// SPDX-License-Identifier: Apache-2.0
// Every test runs in each mode of the library, and must know that it really got the one it was started for.
#pragma once

namespace support {

// Fails unless the library runs in `mode`, "rseq" or "fallback", and its magazines are numbered as the option `slots` asks.
// nullptr: any mode. Returns the name of the mode that it runs in; "none" before its first call.
const char* require_mode(const char* mode);

}  // namespace support
