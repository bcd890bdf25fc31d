// reslab_*: upkeep. Trim and check are maintenance: refused where waiting could be a deadlock.

#include <cerrno>

#include "base/thread_line.h"
#include "cache/cache.h"
#include "heap/check.h"
#include "heap/context.h"
#include "heap/in_hand.h"
#include "heap/root.h"
#include "reslab/reslab.h"

using namespace reslab;

extern "C" {

size_t reslab_flush_deferred(void) noexcept {
  if (!ensure_root(Contract::kAny)) return 0;
  const SlowCall call;
  return drain_all_deferred();
}

size_t reslab_trim(size_t keep_bytes) noexcept {
  if (!may_maintain("reslab_trim", RESLAB_FRAME)) {
    errno = EDEADLK;
    return 0;
  }
  if (!ensure_root(Contract::kPlain)) return 0;
  const SlowCall call;  // a handler's fork from here must leave the drain to its own frame
  recover_abandoned_blocks(blocks());
  cache_drain_all();
  const size_t purged = arena().purge(keep_bytes);
  return purged + (root().strict_commit ? arena().retire_tail() : 0);
}

int reslab_check(int fd) noexcept {
  if (!may_maintain("reslab_check", RESLAB_FRAME)) {
    errno = EDEADLK;
    return -1;
  }
  if (!ensure_root(Contract::kPlain)) return 0;
  return check_heap(fd);
}

}  // extern "C"
