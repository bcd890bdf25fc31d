// reslab_*: upkeep. Trim and check are maintenance: refused where waiting could be a deadlock.

#include <cerrno>

#include "base/thread_line.h"
#include "cache/cache.h"
#include "heap/aside.h"
#include "heap/check.h"
#include "heap/context.h"
#include "heap/in_hand.h"
#include "heap/root.h"
#include "reslab/reslab.h"

using namespace reslab;

namespace {

// What every maintenance call begins with: nothing of this thread's lies below, so what it has left behind can be mended.
// nullptr: errno says why it may not or cannot run.
Root* begin_maintenance(const char* call, uintptr_t frame) {
  const auto refuse = [](int why) -> Root* {
    errno = why;
    return nullptr;
  };
  if (!may_maintain(call, frame)) return refuse(EDEADLK);
  if (!ensure_root(Contract::kPlain)) return refuse(ENOMEM);
  resume_repair(root());
  if (must_keep_aside()) return refuse(EDEADLK);  // another thread repairs what this call would walk
  aside_give_back(root().aside, Contract::kPlain);
  return &root();
}

}  // namespace

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
  return begin_maintenance("reslab_check", RESLAB_FRAME) == nullptr ? -1 : check_heap(fd);
}

}  // extern "C"
