// SPDX-License-Identifier: Apache-2.0
// What the malloc names and the C++ operators call.
#pragma once

#include "api/entry.h"
#include "base/options.h"
