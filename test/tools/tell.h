// SPDX-License-Identifier: Apache-2.0
// What a program knows of its own heap, a line `name value` each: whoever looks from outside must find the same.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <utility>

#include "reslab/reslab.h"

namespace reslab_test {

inline void tell(const char* group, const char* name, uint64_t value) {
  char line[128];
  const int length =
      snprintf(line, sizeof line, "%.32s%.40s %llu\n", group, name, static_cast<unsigned long long>(value));
  if (write(STDOUT_FILENO, line, static_cast<size_t>(length)) != length) _exit(1);
}

inline void tell_class(const reslab_class_stats& c) {
  const std::pair<const char*, uint64_t> figures[] = {
      {"object_bytes", c.object_bytes},   {"slab_bytes", c.slab_bytes},
      {"capacity", c.capacity},           {"live", c.live},
      {"in_magazines", c.in_magazines},   {"in_depot", c.in_depot},
      {"deferred", c.deferred},           {"in_hand", c.in_hand},
      {"free_in_slabs", c.free_in_slabs}, {"slabs_active", c.slabs_active},
      {"slabs_partial", c.slabs_partial}, {"slabs_full", c.slabs_full},
      {"slabs_empty", c.slabs_empty}};
  char group[40];
  snprintf(group, sizeof group, "class.%.24s.", c.name);
  for (const auto& [name, value] : figures) tell(group, name, value);
}

inline void tell_all() {
  static reslab_class_stats classes[4096];
  const int count = reslab_get_class_stats(classes, 4096, sizeof classes[0]);
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  for (int i = 0; i < count; ++i) {
    if (classes[i].capacity != 0) tell_class(classes[i]);
  }
  tell("memory.", "committed", stats.bytes_committed);
  tell("memory.", "reserved", stats.bytes_reserved);
  tell("memory.", "metadata", stats.bytes_metadata);
  tell("memory.", "all_live", stats.bytes_live);
  tell("counters.", "allocs", stats.allocs);
  tell("counters.", "frees", stats.frees);
  tell("counters.", "refills", stats.refills);
  tell("counters.", "flushes", stats.flushes);
  tell("counters.", "deactivations", stats.deactivations);
  tell("counters.", "bytes_purged", stats.bytes_purged);
  tell("counters.", "deferred_pushed", stats.deferred_pushed);
  tell("counters.", "single_bit_frees", stats.single_bit_frees);
  tell("counters.", "sent_home", stats.sent_home);
  tell("counters.", "limit_refusals", stats.limit_refusals);
}

inline void tell_groups() {
  static reslab_group_stats groups[1024];
  const int count = reslab_get_group_stats(groups, 1024, sizeof groups[0]);
  for (int i = 0; i < count; ++i) {
    const reslab_group_stats& g = groups[i];
    char group[48];
    snprintf(group, sizeof group, "group.%.24s.", g.name);
    tell(group, "id", g.id);
    tell(group, "parent", g.parent);
    tell(group, "limit_bytes", g.limit_bytes);
    tell(group, "usage_bytes", g.usage_bytes);
    tell(group, "peak_bytes", g.peak_bytes);
    tell(group, "failures", g.failures);
  }
}

}  // namespace reslab_test
