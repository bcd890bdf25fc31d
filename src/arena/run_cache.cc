// SPDX-License-Identifier: Apache-2.0
#include "arena/run_cache.h"

namespace reslab {

uint32_t RunCache::units() const {
  uint32_t sum = 0;
  for_each([&](Entry run) { sum += run.count; });
  return sum;
}

}  // namespace reslab
