// SPDX-License-Identifier: Apache-2.0
// What both probes for false sharing do with an object: write it many times. If another thread's object lies on the
// same cache line, each write waits for the line.
#pragma once

#include "frame.h"
#include "object.h"

namespace workload {

inline constexpr int kWrites = 1'000;

inline void write_many_times(Object* object) {
  auto* const bytes = static_cast<volatile uint64_t*>(&object->bytes);
  for (int i = 0; i < kWrites; ++i) *bytes = *bytes;
}

}  // namespace workload
