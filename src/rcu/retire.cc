// SPDX-License-Identifier: Apache-2.0
// reslab_free_rcu. The common case is one restartable section, or one compare-and-swap where there are none; then a new
// page, then the object's own bit.

#include "arena/geometry.h"
#include "base/for_tries.h"
#include "base/hooks.h"
#include "rcu/rcu.h"
#include "rcu/section.h"
#include "reslab/rcu.h"

namespace reslab {

constinit RcuFast rcu_fast = {};
constinit RcuFallback rcu_fallback = {};

namespace {

constexpr char kCall[] = "reslab_free_rcu";

// Does it lie where objects do? In one subtraction: past the arena's bytes is also what is not aligned (its low bits are
// rotated to the top), NULL, and everything before the pages are there. Whether it is the start of an object is looked at
// when it is taken in, with everything else that this path has no time for.
[[gnu::always_inline]] inline bool may_be_object(const void* object, const std::atomic<size_t>& bytes) {
  // acquire, and before the base: nothing of the rest is there before this is.
  const size_t arena_bytes = bytes.load(std::memory_order_acquire);
  const uintptr_t offset = reinterpret_cast<uintptr_t>(object) - rcu_fast.arena_base.load(std::memory_order_relaxed);
  return __builtin_expect((offset >> 4 | offset << 60) < arena_bytes >> 4, 1);
}

// The reclaimer looks at once when pages run short, otherwise when it next may.
void tell_reclaimer(Doorbell::Call call) {
  // Before the doorbell is looked at: the first page of a slot has been put there without a locked operation.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  Doorbell& bell = rcu.reclaimer.bell();
  if (bell.has_sleeper() && !rcu.core().in_nolock_scope()) bell.ring(call);
}

// Behind the slow way of a retiring. Above the limit who takes a page, or goes without one, is counted (47).
void tell_of(Doorbell::Call call) {
  const bool above = rcu.is_above_limit();
  if (above) rcu.unthrottled.fetch_add(1, std::memory_order_relaxed);
  tell_reclaimer(above ? Doorbell::Call::kUrgent : call);
}

// `has_full` becomes true with a new page in the place of a full one.
template <class Push, class Renew>
[[gnu::always_inline]] inline bool push_to_page(void* object, bool& has_full, Push push, Renew renew) {
  for ([[maybe_unused]] int round : for_tries(kRestarts)) {
    const Section section = push(object);
    if (section == Section::kDone) return true;
    if (section == Section::kSameAsTop) rcu.core().report_twice(kCall, object);
    if (section == Section::kUnregistered) return false;
    if (section == Section::kAborted) continue;
    if (renew() == Renewal::kNoPage) return false;
    has_full = true;
  }
  return false;
}

bool push_to_cpu_page(void* object, bool& has_full) {
  return push_to_page(object, has_full, section_retire, [] { return rcu.open.by_cpu().renew(rcu.core().slot()); });
}

bool push_to_shared_page(void* object, bool& has_full) {
  const uint32_t slot = rcu.core().slot();
  return push_to_page(
      object, has_full, [slot](void* one) { return rcu.open.shared().push(slot, one); },
      [slot] { return rcu.open.shared().renew(slot); });
}

bool push_to_any_page(void* object, bool& has_full) {
  if (may_be_object(object, rcu_fallback.arena_bytes)) return push_to_shared_page(object, has_full);
  return may_be_object(object, rcu_fast.arena_bytes) && push_to_cpu_page(object, has_full);
}

// Tells the reclaimer once, whatever there was to tell of.
[[gnu::noinline]] void retire_slow(void* object) {
  bool has_full = false;
  if (push_to_any_page(object, has_full)) {
    if (has_full) tell_of(rcu.reclaimer.call_for_page());
    return;
  }
  if (object == nullptr) return;
  rcu.bit_objects.fetch_add(1, std::memory_order_relaxed);  // before the bit: who never comes back is looked for
  const auto bytes = static_cast<int64_t>(rcu.core().retire(object, kCall));
  RESLAB_HOOK("rcu_retired");
  rcu.bit_bytes.fetch_add(bytes, std::memory_order_seq_cst);
  tell_of(has_full ? rcu.reclaimer.call_for_page() : Doorbell::Call::kAny);
}

}  // namespace

}  // namespace reslab

extern "C" void reslab_free_rcu(void* ptr) noexcept {
  using namespace reslab;
  const bool is_retired = may_be_object(ptr, rcu_fast.arena_bytes) && section_retire(ptr) == Section::kDone;
  if (__builtin_expect(is_retired, 1)) return;
  retire_slow(ptr);
}
