// SPDX-License-Identifier: Apache-2.0
#include "platform/topology.h"

#include "platform/small_file.h"

namespace reslab {

constinit std::atomic<Topology*> published_topology{nullptr};

uint32_t online_nodes() {
  size_t range[16];
  const size_t count = read_numbers("/sys/devices/system/node/online", range, 16);
  const size_t last = count == 0 ? 0 : range[count - 1];
  return last < kMaxNodes ? static_cast<uint32_t>(last) + 1 : kMaxNodes;
}

}  // namespace reslab
