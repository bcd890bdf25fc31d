// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "tables.h"

namespace reentry {
namespace {

std::vector<Operation> all_of(std::initializer_list<std::vector<Operation>> parts) {
  std::vector<Operation> made;
  for (const auto& part : parts) made.insert(made.end(), part.begin(), part.end());
  return made;
}

Table make_table(const char* name) {
  if (strcmp(name, "calls") == 0) return table::calls();
  if (strcmp(name, "typed") == 0) return table::typed();
  if (strcmp(name, "nodes") == 0) return {table::nodes(), nullptr};
  if (strcmp(name, "hardened") == 0) return {table::hardened(), nullptr};
  if (strcmp(name, "sampled") == 0) return {table::profile_sampled(), nullptr, true};
  if (strcmp(name, "passed over") == 0) return {table::profile_passed_over(), nullptr};
  return table::of_debug_modes(name);
}

}  // namespace

namespace table {

Table calls() {
  return {all_of({allocating_entries(), freeing_entries(), refills(), flushes(), units(), pages_scopes_and_reserves(),
                  edges(), shortages(), races(), growth()}),
          nullptr};
}

Table typed() {
  return {all_of({cache_entries(), groups(), kept_runs(), cache_slow_ways(), group_shortage()}), nullptr};
}

}  // namespace table

const Table& table_of(const char* name) {
  static const Table made = make_table(name);
  return made;
}

}  // namespace reentry
