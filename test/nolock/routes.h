// SPDX-License-Identifier: Apache-2.0
// By which routes nolock allocations came, from the differences of the library's statistics.
#pragma once

#include <reslab/reslab.h>

#include "log.h"

namespace nolock {

// Says a line for each route with its share of the `successes` of nolock calls between `before` and `after`. Fails when
// the library's counters do not add up to them.
void print_routes(const support::Log& log, uint64_t successes, const reslab_stats& before, const reslab_stats& after);

}  // namespace nolock
