// SPDX-License-Identifier: Apache-2.0
#include "platform/fast_path.h"

namespace reslab {
constinit std::atomic<bool> accounts_in_use{false};
constinit FallbackPath fallback_path{};
constinit FastPath fast_path = {};
}  // namespace reslab
