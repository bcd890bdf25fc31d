#include "tables.h"

namespace reentry {

const std::vector<Operation>& all_operations() {
  using namespace table;
  static const std::vector<Operation> all = [] {
    std::vector<Operation> made;
    for (const auto& part :
         {allocating_entries(), freeing_entries(), refills(), flushes(), units(), pages_scopes_and_reserves(), edges(),
          shortages(), races(), cache_entries(), cache_slow_ways(), groups(), kept_runs(), growth()}) {
      made.insert(made.end(), part.begin(), part.end());
    }
    return made;
  }();
  return all;
}

}  // namespace reentry
