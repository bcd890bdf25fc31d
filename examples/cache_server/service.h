// SPDX-License-Identifier: Apache-2.0
// What all threads of the server share: the tenants, and what it counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "counters.h"
#include "tenant.h"

namespace cache_server {

class Output;

// What clients are told. libmemcached takes 0.x for no version.
constexpr std::string_view kVersion = "1.0.0";

struct Budget {
  std::string name;
  size_t bytes;
};

class Service {
 public:
  // The first budget is that of the keys of no tenant.
  Service(const std::vector<Budget>& budgets, size_t connection_bytes, unsigned threads);

  // A tenant's keys begin with its name and a colon.
  Tenant& tenant_of(std::string_view key);

  // At once, or when the time `at` has come.
  void clear(uint32_t at);
  // To be called about once a second: expired items, and a clear that is due.
  void keep_up();

  // All statistics, as lines of the protocol.
  void report(Output& output) const;

  bool is_empty() const;  // nothing is charged to anybody

  // Of the connections and the answers that were not read yet; and of the connections alone, half of it: however many
  // clients come, those that are there can be answered.
  const Group answers_group, connections_group;
  std::vector<Counters> counters;  // of the threads
  std::atomic<uint64_t> connections_now{0}, connections_ever{0};

 private:
  uint64_t sum(Counters::Counter Counters::*counter) const;
  void report_groups(Output& output) const;

  std::map<std::string, std::unique_ptr<Tenant>, std::less<>> tenants_;
  Tenant* default_;
  std::atomic<uint32_t> clear_at_{0};  // 0: never
  const uint32_t start_;
};

}  // namespace cache_server
