// SPDX-License-Identifier: Apache-2.0
#include "unpassed.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "failure.h"
#include "hooks.h"

namespace recovery {
namespace {

using progress::Settings;

bool always(const Settings&) { return true; }
bool in_rseq_mode(const Settings& settings) { return strcmp(settings.mode, "rseq") == 0; }
bool in_fallback_mode(const Settings& settings) { return !in_rseq_mode(settings); }
bool without_local_lock(const Settings& settings) { return strcmp(settings.local_lock, "never") == 0; }

struct Reason {
  const char* why;
  bool (*holds)(const Settings&);
  std::vector<const char*> hooks;
};

const Reason kReasons[] = {
    {"of typed caches and groups, of which there are none",
     always,
     {"cache_claimed", "cache_join", "charged_release", "charged_twin", "charged_untagged", "class_claimed", "class_id",
      "class_room", "group_charged", "group_claimed", "group_drained", "group_enter", "group_limit", "group_reserve",
      "group_reserved", "group_stock", "group_uncharge"}},
    {"of debug modes, which are off",
     always,
     {"guard_claim", "guard_claimed", "guard_free", "quarantine_keep", "quarantine_leave", "stack_claimed"}},
    {"of deferred reclamation, whose library is not loaded",
     always,
     {"retire_by_bit", "retired_by_bit", "retired_give_back", "retired_list", "retired_taken", "retired_unlisted"}},
    {"of a child that finds its parent's heap",
     always,
     {"aside_freed", "fork_repair", "fork_settle_unit", "fork_units_settled"}},
    {"once in a process, for each CPU or for each class on it, which is before the first jump",
     always,
     {"magazine_open", "root_adopt", "root_adopted", "root_made", "slot_ready"}},
    {"no jump has left a block in hand before", always, {"block_mine"}},
    {"there is one node of memory", always, {"homeward_split"}},
    {"there are blocks enough, from before the first jump on", always, {"block_make"}},
    {"there is address space enough, and no limit on it",
     always,
     {"extent_give_back", "extent_given_back", "extent_reserved", "frontier_passed", "frontier_passes", "hole_mapped",
      "retire_tail", "revive_tail", "tail_writable"}},
    {"another thread has to be in the middle of something",
     always,
     {"active_emptied", "drain_restore", "local_lock_take_over", "lost_active", "single_seen", "slab_one_taken",
      "slab_take_one", "unit_rollback"}},
    {"no block of this many units has been kept, and none is resized", always, {"run_resized", "run_take"}},
    {"no class has shrunk to so little as to have cold caches and sparse slabs",
     always,
     {"magazine_shrink", "slab_purge"}},
    {"of the other mode", in_rseq_mode, {"fallback_pop", "fallback_popped", "fallback_push", "fallback_pushed"}},
    {"of the other mode", in_fallback_mode, {"drain_closed", "drain_fenced"}},
    {"where the local lock is never had",
     without_local_lock,
     {"active_seen", "local_lock_held", "local_lock_try", "local_lock_unlock"}},
};

}  // namespace

const char* why_unpassed(const Settings& settings, const char* hook) {
  for (const Reason& reason : kReasons) {
    if (!reason.holds(settings)) continue;
    for (const char* name : reason.hooks) {
      if (strcmp(name, hook) == 0) return reason.why;
    }
  }
  return nullptr;
}

void expect_reasons_for_hooks() {
  const std::vector<std::string> hooks = support::hook_names();
  for (const Reason& reason : kReasons) {
    for (const char* name : reason.hooks) {
      support::expect(std::binary_search(hooks.begin(), hooks.end(), name), "there is no hook %s: no reason is needed",
                      name);
    }
  }
}

}  // namespace recovery
