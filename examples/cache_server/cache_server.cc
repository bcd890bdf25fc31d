// SPDX-License-Identifier: Apache-2.0
// A cache server with a budget for each tenant, which speaks memcached's text protocol (docs/cache-server.md): the
// command line alone.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <set>

#include "request.h"
#include "server.h"

using namespace cache_server;

namespace {

constexpr size_t kMaxNameBytes = 31;  // what reslab keeps of a group's name

size_t bytes_of(std::string text) {
  CLI::AsSizeValue(false)(text);  // 64m: 64 * 2^20
  uint64_t bytes = 0;
  if (!parse_number(text, bytes)) throw CLI::ValidationError(text + " is no number of bytes");
  return bytes;
}

Budget budget_of(const std::string& text) {
  const size_t sign = text.find('=');
  const std::string name = text.substr(0, sign);
  const bool is_name =
      !name.empty() && name.size() <= kMaxNameBytes && name.find_first_of(": \r\n") == std::string::npos;
  if (sign == std::string::npos || !is_name) throw CLI::ValidationError("--tenant", text + " is not NAME=BYTES");
  return {name, bytes_of(text.substr(sign + 1))};
}

// In the statistics, where there are other groups as well.
void require_different_names(const std::vector<Budget>& budgets) {
  std::set<std::string> names = {"answers", "connections"};
  for (const Budget& budget : budgets) {
    if (!names.insert(budget.name).second) throw CLI::ValidationError("--tenant", budget.name + " is taken");
  }
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  std::string memory = "64m", connections = "64m";
  std::vector<std::string> tenants;
  CLI::App app("a cache server with a budget for each tenant; speaks memcached's text protocol", "cache_server");
  app.add_option("-l,--listen", settings.address, "address to listen on, 127.0.0.1 if not given");
  app.add_option("-p,--port", settings.port, "port, 11211 if not given; 0: any that is free");
  app.add_option("-t,--threads", settings.threads, "threads that serve, 4 if not given")->check(CLI::Range(1, 64));
  app.add_option("-m,--memory", memory, "budget of the keys of no tenant, 64m if not given");
  app.add_option("--tenant", tenants, "NAME=BYTES: budget of the keys that begin with NAME: (once for each)");
  app.add_option("--connections", connections,
                 "budget of the connections and of answers not read yet, 64m if not given");
  try {
    app.parse(argc, argv);
    settings.connection_bytes = bytes_of(connections);
    settings.budgets.push_back({"default", bytes_of(memory)});
    for (const std::string& tenant : tenants) settings.budgets.push_back(budget_of(tenant));
    require_different_names(settings.budgets);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    return serve(settings) ? 0 : 1;
  } catch (const std::bad_alloc&) {
    fputs("cache_server: a budget is too small, or there is no memory\n", stderr);
    return 1;
  } catch (const std::exception& error) {
    fprintf(stderr, "cache_server: %s\n", error.what());
    return 1;
  }
}
