// SPDX-License-Identifier: Apache-2.0
// A budget for a tenant: documents that a server parses for it, and a container of nodes, live in a group. When the budget
// is used up the tenant gets std::bad_alloc, and nobody else notices. What the server keeps for itself is in nobody's budget,
// and its handler of SIGUSR1 tells how much is charged, in a string, wherever it strikes.
//
//   budget [BYTES]     parses ever larger documents within BYTES (default: 1 MiB) until one does not fit
#include <reslab/reslab.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <reslab/reslab.hpp>
#include <string>
#include <vector>

#include "document.h"

namespace {

// A document of `count` entries, as a client would send it.
std::string text_of(size_t count) {
  std::string text = "[";
  for (size_t i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    if (i > 0) text += ",";
    text += R"({"name":"an entry with the number )" + n + R"(","at":)" + n + R"(.5,"tags":["a","b",true,null]})";
  }
  return text + "]";
}

struct Session {
  explicit Session(int number) : id(number) {}
  int id;
  char buffer[200] = {};
};

// Nodes of a standard container come from the group as well.
size_t count_names(const budget::Value& document, std::pmr::memory_resource& memory) {
  std::pmr::map<std::pmr::string, size_t> names(&memory);
  for (const budget::Value& entry : document.items()) ++names[entry.at("name").text()];
  return names.size();
}

reslab_group* watched = nullptr;
volatile sig_atomic_t told = 0;

// Nolock memory: what the interrupted thread was doing does not matter.
void tell_usage(int) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, reslab_group_usage(watched)).ptr;
  try {
    reslab::nolock_memory_resource memory;
    std::pmr::string line("asked by a signal: as many bytes are charged: ", &memory);
    line.append(digits, end).push_back('\n');
    if (write(STDERR_FILENO, line.data(), line.size()) > 0) told = told + 1;
  } catch (const std::bad_alloc&) {  // nothing was ready
  }
}

// What each document cost, for the server's own use.
using Costs = std::vector<size_t, reslab::allocator<size_t>>;

// How many entries the largest document had that fitted.
size_t largest_that_fits(std::pmr::memory_resource& memory, reslab_group* group, Costs& costs) {
  size_t fitted = 0;
  for (size_t count = 1;; count *= 2) {
    const std::string text = text_of(count);
    try {
      const budget::Value document = budget::parse(text, memory);
      if (count_names(document, memory) != count) return 0;
      costs.push_back(reslab_group_usage(group));
      std::printf("%7zu entries: %8zu bytes charged\n", count, costs.back());
      std::raise(SIGUSR1);
      fitted = count;
    } catch (const std::bad_alloc&) {
      std::printf("%7zu entries do not fit; %zu bytes charged after that\n", count, reslab_group_usage(group));
      return fitted;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const size_t limit = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : size_t{1} << 20;
  reslab_group* tenants = reslab_group_create("tenants", 4 * limit);
  reslab_group* tenant = reslab_group_create_in(tenants, "tenant", limit);
  if (tenants == nullptr || tenant == nullptr) return 1;

  watched = tenant;
  std::signal(SIGUSR1, tell_usage);

  size_t fitted = 0;
  Costs costs;
  {
    reslab::memory_resource memory(tenant);
    reslab::cache<Session> sessions("sessions", tenant);
    const auto session = sessions.make(1);
    fitted = largest_that_fits(memory, tenant, costs);
    if (session->id != 1 || reslab_group_usage(tenant) != reslab_usable_size(session.get())) return 1;
  }
  const bool was_told = costs.size() == static_cast<size_t>(told);
  const bool is_clean = fitted > 0 && was_told && reslab_group_usage(tenants) == 0;
  return is_clean && reslab_group_destroy(tenant) == 0 && reslab_group_destroy(tenants) == 0 ? 0 : 1;
}
