// SPDX-License-Identifier: Apache-2.0
// The whole server: listens, hands clients to its workers in turns, and ends on SIGTERM or SIGINT.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "service.h"

namespace cache_server {

struct Settings {
  std::string address = "127.0.0.1";
  uint16_t port = 11211;  // 0: any that is free
  unsigned threads = 4;
  size_t connection_bytes = size_t{64} << 20;
  std::vector<Budget> budgets;  // the first is that of the keys of no tenant
};

// Says "listening on port N" on stdout, and returns when it was told to end and all memory is back: nothing is charged
// to anybody, and the heap's audit finds nothing. False: that is not so, and stderr says what. Throws std::system_error
// and std::bad_alloc.
bool serve(const Settings& settings);

}  // namespace cache_server
