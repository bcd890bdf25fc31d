// SPDX-License-Identifier: Apache-2.0
// `reslab check`: the audit's findings, a line each.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "audit.h"
#include "commands.h"

namespace reslab::tool {

using namespace outside;

int check(const std::string& target, Format format) {
  const std::unique_ptr<Memory> memory = open_target(target);
  const View view(*memory);
  const AuditResult result = audit(view);
  const char* depth = memory->is_live() ? "structure" : "everything";
  if (format == Format::kJson) {
    const nlohmann::ordered_json all = {{"target", memory->title()},  {"checked", depth},
                                        {"units", result.units},      {"slabs", result.slabs},
                                        {"blocks", result.blocks},    {"cached_objects", result.objects_cached},
                                        {"findings", result.findings}};
    fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else {
    for (const std::string& finding : result.findings) fmt::print("{}\n", finding);
    fmt::print("{}: {} checked, {} units, {} slabs, {} cached objects, {} findings\n", memory->title(), depth,
               result.units, result.slabs, result.objects_cached, result.findings.size());
  }
  return result.findings.empty() ? 0 : 1;
}

}  // namespace reslab::tool
