// SPDX-License-Identifier: Apache-2.0
// The contract of a call, one explicit argument all the way down (P4): never inferred, never stored.
#pragma once

#include <cstdint>

namespace reslab {

enum class Contract : uint8_t {
  kAny,      // no kernel entry, bounded steps, errno kept; may fail under contention
  kAnyGrow,  // as kAny, but may ask the kernel for memory
  kPlain,    // may enter the kernel, purge and set errno; never fails by contention
};

constexpr bool may_enter_kernel(Contract contract) { return contract != Contract::kAny; }
constexpr bool may_purge(Contract contract) { return contract == Contract::kPlain; }

}  // namespace reslab
