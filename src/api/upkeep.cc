// SPDX-License-Identifier: Apache-2.0
// reslab_*: upkeep. Trim and check are maintenance: refused where waiting could be a deadlock.

#include <cerrno>

#include "base/thread_line.h"
#include "cache/cache.h"
#include "heap/aside.h"
#include "heap/check.h"
#include "heap/context.h"
#include "heap/in_hand.h"
#include "heap/maintenance.h"
#include "heap/root.h"
#include "reslab/reslab.h"

using namespace reslab;

extern "C" {

size_t reslab_flush_deferred(void) noexcept {
  if (!ensure_root(Contract::kAny) || must_keep_aside()) return 0;
  const SlowCall call;
  return drain_all_deferred();
}

size_t reslab_trim(size_t keep_bytes) noexcept {
  Root* own = begin_maintenance("reslab_trim", RESLAB_FRAME);
  if (own == nullptr) return 0;
  const SlowCall call;  // a handler's fork from here must leave the drain to its own frame
  recover_abandoned_blocks(own->blocks);
  cache_drain_all();
  const size_t purged = own->arena.purge(keep_bytes);
  return purged + (own->strict_commit ? own->arena.retire_tail() : 0);
}

int reslab_check(int fd) noexcept {
  if (begin_maintenance("reslab_check", RESLAB_FRAME) == nullptr) return -1;
  const int violations = check_heap(fd);
  if (violations < 0) errno = ENOMEM;
  return violations;
}

}  // extern "C"
