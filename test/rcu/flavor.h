// SPDX-License-Identifier: Apache-2.0
// A flavour of liburcu by its name.
#pragma once

#include <urcu/flavor.h>

#include <cstring>

// The headers of the flavours cannot be had side by side: each maps the same short names to its own.
extern "C" {
extern const rcu_flavor_struct urcu_memb_flavor, urcu_mb_flavor, urcu_qsbr_flavor, urcu_bp_flavor;
}

namespace rcu_test {

inline const rcu_flavor_struct* flavor_named(const char* name) {
  if (strcmp(name, "memb") == 0) return &urcu_memb_flavor;
  if (strcmp(name, "mb") == 0) return &urcu_mb_flavor;
  if (strcmp(name, "qsbr") == 0) return &urcu_qsbr_flavor;
  if (strcmp(name, "bp") == 0) return &urcu_bp_flavor;
  return nullptr;
}

// A registered reader for as long as it lives.
class Reader {
 public:
  explicit Reader(const rcu_flavor_struct& flavor) : flavor_(flavor) { flavor_.register_thread(); }
  ~Reader() { flavor_.unregister_thread(); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  void enter() { flavor_.read_lock(); }
  void leave() {
    flavor_.read_unlock();
    flavor_.read_quiescent_state();
  }

 private:
  const rcu_flavor_struct& flavor_;
};

}  // namespace rcu_test
