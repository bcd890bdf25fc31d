// SPDX-License-Identifier: Apache-2.0
// A budget for a tenant: documents that a server parses for it, and a container of nodes, live in a group. When the budget
// is used up the tenant gets std::bad_alloc, and nobody else notices.
//
//   budget [BYTES]     parses ever larger documents within BYTES (default: 1 MiB) until one does not fit
#include <reslab/reslab.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <reslab/reslab.hpp>
#include <string>

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

// How many entries the largest document had that fitted.
size_t largest_that_fits(std::pmr::memory_resource& memory, reslab_group* group) {
  size_t fitted = 0;
  for (size_t count = 1;; count *= 2) {
    const std::string text = text_of(count);
    try {
      const budget::Value document = budget::parse(text, memory);
      if (count_names(document, memory) != count) return 0;
      std::printf("%7zu entries: %8zu bytes charged\n", count, reslab_group_usage(group));
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

  size_t fitted = 0;
  {
    reslab::memory_resource memory(tenant);
    reslab::cache<Session> sessions("sessions", tenant);
    const auto session = sessions.make(1);
    fitted = largest_that_fits(memory, tenant);
    if (session->id != 1 || reslab_group_usage(tenant) != reslab_usable_size(session.get())) return 1;
  }
  const bool is_clean = fitted > 0 && reslab_group_usage(tenants) == 0;
  return is_clean && reslab_group_destroy(tenant) == 0 && reslab_group_destroy(tenants) == 0 ? 0 : 1;
}
