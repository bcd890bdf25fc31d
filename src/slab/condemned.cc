#include "slab/condemned.h"

#include "arena/arena.h"
#include "base/hooks.h"
#include "slab/slab.h"
#include "sync/tagged_stack.h"

namespace reslab {

constinit std::atomic<const RcuClient*> rcu_client{nullptr};

namespace {

constinit TaggedStack lists[2];
constinit std::atomic<uint32_t> walked{0};  // the list that the next walk begins with

std::atomic<uint32_t>& next_of(uint32_t unit) { return slab_at(unit).next; }

// A push that loses 64 races tries the other list, and then leaves the units condemned for good (D2).
void list(uint32_t unit, uint32_t which) {
  if (!lists[which].push(unit, next_of)) lists[which ^ 1].push(unit, next_of);
}

bool release_if_over(uint32_t unit) {
  Slab& slab = slab_at(unit);
  const RcuClient* client = rcu_client.load(std::memory_order_acquire);
  if (!client->gp_poll(slab.cookie.load(std::memory_order_relaxed))) return false;
  const uint32_t count = slab.condemned_units.exchange(0, std::memory_order_relaxed);
  RESLAB_HOOK("retired_slab_released");
  arena().release(unit, count, Arena::Content::kDirty);
  return true;
}

}  // namespace

void condemn_units(uint32_t unit, uint32_t count) {
  Slab& slab = slab_at(unit);
  // Not before the slab is retired (D1): gp_start has a fence of its own.
  slab.cookie.store(rcu_client.load(std::memory_order_acquire)->gp_start(), std::memory_order_relaxed);
  // release: a child after fork that finds the count finds the cookie.
  slab.condemned_units.store(count, std::memory_order_release);
  RESLAB_HOOK("retired_slab_condemned");
  list(unit, walked.load(std::memory_order_relaxed));
}

uint32_t release_condemned(uint32_t most) {
  if (!has_condemned()) return 0;
  const uint32_t from = walked.load(std::memory_order_relaxed) & 1;
  uint32_t released = 0;
  for (uint32_t left = most; left > 0; --left) {
    const uint32_t unit = lists[from].pop(next_of);
    if (unit == 0) {
      walked.store(from ^ 1, std::memory_order_relaxed);
      break;
    }
    if (release_if_over(unit)) ++released;
    else list(unit, from ^ 1);
  }
  return released;
}

bool has_condemned() { return !lists[0].empty() || !lists[1].empty(); }

uint32_t condemned_at(uint32_t unit) { return slab_at(unit).condemned_units.load(std::memory_order_acquire); }

void forget_condemned() {
  for (TaggedStack& one : lists) one.reset();
}

void settle_condemned(uint32_t unit) { list(unit, 0); }

}  // namespace reslab
