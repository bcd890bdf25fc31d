// SPDX-License-Identifier: Apache-2.0
// The hook points that the calls of at_hooks do not pass, and why.
#pragma once

#include "settings.h"

namespace recovery {

// nullptr: in this mode, and with this local lock, they have to pass it.
const char* why_unpassed(const progress::Settings& settings, const char* hook);

// Fails when a hook that a reason is given for does not exist (any more).
void expect_reasons_for_hooks();

}  // namespace recovery
