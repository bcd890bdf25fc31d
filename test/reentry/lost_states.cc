// SPDX-License-Identifier: Apache-2.0
// States that calls leave behind which never came to their end, or whose slab went to somebody else meanwhile.
#include <reslab/reslab.h>

#include "cpu_slot.h"
#include "failure.h"
#include "heap_states.h"
#include "hooks.h"
#include "stock.h"

namespace reentry::state {
// This thread was thrown out of a refill that held the lock of its class.
void lock_left_by_jump(size_t bytes) {
  in_partial_slab(bytes);
  empty_magazine(bytes);
  jump_out_of_malloc(bytes, "local_lock_held");
}

// Another thread was, on this slot.
void lock_left_by_another(size_t bytes) {
  static size_t object_bytes;
  object_bytes = bytes;
  in_partial_slab(bytes);
  empty_magazine(bytes);
  on_other_thread_here([] { jump_out_of_malloc(object_bytes, "local_lock_held"); });
}

// In the middle of a refill, between calling its new slab active and installing it, another thread took it for a lost
// one and gave it back; then the refill was left by a jump, before it could see that. The active slot names what is
// another slab by now, or none.
void active_slot_is_stale(size_t bytes) {
  nowhere(bytes);
  bool is_done = false;
  const auto trim_once = [](void* done) {
    bool& is_done = *static_cast<bool*>(done);
    if (!is_done) on_other_thread([] { reslab_trim(0); });
    is_done = true;
  };
  const support::Hook installing("install_active", trim_once, &is_done);
  jump_out_of_malloc(bytes, "active_installed");
  if (!is_done) fail("no slab is installed as the active one");
  empty_magazine(bytes);
}

}  // namespace reentry::state
