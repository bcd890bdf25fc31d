// SPDX-License-Identifier: Apache-2.0
// Threads on chosen CPUs, and what the scheduler did to them.
#pragma once

#include "selftest/cpus.h"

namespace unit {

using reslab::selftest::allowed_cpus;
using reslab::selftest::Pinned;

}  // namespace unit
