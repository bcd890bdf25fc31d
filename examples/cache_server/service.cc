// SPDX-License-Identifier: Apache-2.0
#include "service.h"

#include <reslab/rcu.h>
#include <unistd.h>

#include "output.h"

namespace cache_server {
namespace {

template <class Figure>
void put(Output& output, std::string_view name, const Figure& figure) {
  output.put("STAT ", name, " ", figure, kLineEnd);
}

template <class Figure>
void put_of(Output& output, std::string_view owner, std::string_view name, const Figure& figure) {
  output.put("STAT ", owner, ":", name, " ", figure, kLineEnd);
}

void report_memory(Output& output) {
  reslab_status status = {};
  reslab_stats heap = {};
  reslab_rcu_stats rcu = {};
  reslab_get_status(&status, sizeof status);
  reslab_get_stats(&heap, sizeof heap);
  reslab_rcu_get_stats(&rcu, sizeof rcu);
  put(output, "reslab_version", std::string_view(reslab_version()));
  put(output, "reslab_mode", std::string_view(status.mode == RESLAB_MODE_RSEQ ? "rseq" : "fallback"));
  put(output, "reslab_committed_bytes", heap.bytes_committed);
  put(output, "reslab_metadata_bytes", heap.bytes_metadata);
  put(output, "rcu_freed", rcu.freed);
  put(output, "rcu_pending", rcu.pending_objects);
  put(output, "rcu_grace_periods", rcu.grace_periods);
}

}  // namespace

Service::Service(const std::vector<Budget>& budgets, size_t connection_bytes, unsigned threads)
    : answers_group("answers", connection_bytes),
      connections_group("connections", connection_bytes / 2, answers_group.handle),
      counters(threads),
      start_(now()) {
  for (const Budget& budget : budgets)
    tenants_.emplace(budget.name, std::make_unique<Tenant>(budget.name, budget.bytes));
  default_ = tenants_.at(budgets.front().name).get();
}

Tenant& Service::tenant_of(std::string_view key) {
  const auto found = tenants_.find(key.substr(0, std::min(key.find(':'), key.size())));
  return found == tenants_.end() || found->first.size() == key.size() ? *default_ : *found->second;
}

void Service::clear(uint32_t at) {
  if (at > now()) {
    clear_at_.store(at, std::memory_order_relaxed);
    return;
  }
  clear_at_.store(0, std::memory_order_relaxed);
  for (const auto& [name, tenant] : tenants_) tenant->clear();
}

void Service::keep_up() {
  const uint32_t clear_at = clear_at_.load(std::memory_order_relaxed);
  if (clear_at != 0 && clear_at <= now()) clear(0);
  for (const auto& [name, tenant] : tenants_) tenant->remove_expired();
}

bool Service::is_empty() const {
  for (const auto& [name, tenant] : tenants_) {
    if (!tenant->is_empty()) return false;
  }
  return reslab_group_usage(answers_group.handle) == 0;
}

uint64_t Service::sum(Counters::Counter Counters::*counter) const {
  uint64_t total = 0;
  for (const Counters& own : counters) total += (own.*counter).load(std::memory_order_relaxed);
  return total;
}

void Service::report(Output& output) const {
  uint64_t items = 0, evictions = 0, usage = 0, limit = 0;
  for (const auto& [name, tenant] : tenants_) {
    items += tenant->items();
    evictions += tenant->evictions();
    usage += tenant->usage();
    limit += tenant->budget();
  }
  const uint64_t gets = sum(&Counters::gets), hits = sum(&Counters::hits);
  put(output, "pid", static_cast<uint64_t>(getpid()));
  put(output, "uptime", uint64_t{now() - start_});
  put(output, "time", uint64_t{now()});
  put(output, "version", kVersion);
  put(output, "pointer_size", uint64_t{8 * sizeof(void*)});
  put(output, "curr_connections", connections_now.load(std::memory_order_relaxed));
  put(output, "total_connections", connections_ever.load(std::memory_order_relaxed));
  put(output, "cmd_get", gets);
  put(output, "cmd_set", sum(&Counters::sets));
  put(output, "cmd_touch", sum(&Counters::touches));
  put(output, "cmd_flush", sum(&Counters::flushes));
  put(output, "get_hits", hits);
  put(output, "get_misses", gets - hits);
  put(output, "bytes_read", sum(&Counters::bytes_read));
  put(output, "bytes_written", sum(&Counters::bytes_written));
  put(output, "limit_maxbytes", limit);
  put(output, "threads", uint64_t{counters.size()});
  put(output, "bytes", usage);
  put(output, "curr_items", items);
  put(output, "evictions", evictions);
  for (const auto& [name, tenant] : tenants_) {
    put_of(output, name, "items", uint64_t{tenant->items()});
    put_of(output, name, "evictions", uint64_t{tenant->evictions()});
  }
  report_groups(output);
  report_memory(output);
  output.put("END", kLineEnd);
}

// The tenants' groups and those of the connections, as reslab counts them.
void Service::report_groups(Output& output) const {
  std::vector<reslab_group_stats> groups(tenants_.size() + 2);
  const int count = reslab_get_group_stats(groups.data(), groups.size(), sizeof groups[0]);
  groups.resize(std::min(static_cast<size_t>(count), groups.size()));
  for (const reslab_group_stats& group : groups) {
    put_of(output, group.name, "limit_bytes", group.limit_bytes);
    put_of(output, group.name, "usage_bytes", group.usage_bytes);
    put_of(output, group.name, "peak_bytes", group.peak_bytes);
    put_of(output, group.name, "refused_charges", group.failures);
  }
}

}  // namespace cache_server
