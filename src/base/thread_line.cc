// SPDX-License-Identifier: Apache-2.0
#include "base/thread_line.h"

namespace reslab {

constinit thread_local ThreadLine thread_line __attribute__((tls_model("initial-exec"))) = {};

namespace {
constinit std::atomic<uint64_t> last_id{0};
}

// A handler may draw between the two steps; the exchange makes it one id for each thread.
uint64_t draw_thread_id() {
  const uint64_t drawn = last_id.fetch_add(1, std::memory_order_relaxed) + 1;  // relaxed: only uniqueness counts
  uint64_t expected = 0;
  return thread_line.id.compare_exchange_strong(expected, drawn, std::memory_order_relaxed) ? drawn : expected;
}

uint64_t newest_thread_id() { return last_id.load(std::memory_order_relaxed); }

}  // namespace reslab
