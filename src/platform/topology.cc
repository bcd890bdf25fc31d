// SPDX-License-Identifier: Apache-2.0
#include "platform/topology.h"

#include "platform/small_file.h"
#include "platform/syscall.h"

namespace reslab {

constinit std::atomic<Topology*> published_topology{nullptr};

uint32_t possible_nodes() {
  size_t range[16];
  const size_t count = read_numbers("/sys/devices/system/node/possible", range, 16);
  const size_t last = count == 0 ? 0 : range[count - 1];
  return last < kMaxNodes ? static_cast<uint32_t>(last) + 1 : kMaxNodes;
}

uint32_t current_node() {
  unsigned node = 0;
  return sys_call(SYS_getcpu, 0, reinterpret_cast<long>(&node), 0) == 0 ? node : 0;
}

}  // namespace reslab
