// SPDX-License-Identifier: Apache-2.0
#include "rcu/reclaimer.h"

#include <limits.h>
#include <unistd.h>

#include "base/hooks.h"
#include "base/text.h"
#include "rcu/rcu.h"

namespace reslab {
namespace {

constexpr uint64_t kPause = 1 * kMs;                // between two periods that nobody hurries
constexpr uint64_t kIdleLook = Doorbell::kLongest;  // finds what was retired in nolock scopes, which may not wake (23)
constexpr uint64_t kOldPeriod = 100 * kMs;          // no memory is spent on a period that has lasted so long
constexpr uint32_t kMostSpares = 4096;

// So many full pages are a batch: small enough that their objects come back while caches and depot still have room for
// them, large enough that nobody notices what a period costs.
constexpr uint32_t kBatchPages = 8;

uint64_t age_ns() { return rcu.core().options().rcu_age * kMs; }

bool is_period_old(uint64_t now) {
  const uint64_t since = rcu.grace.running_since();
  return since != 0 && now > since + kOldPeriod;
}

}  // namespace

void Reclaimer::wake_waiters() {
  epoch_.fetch_add(1, std::memory_order_seq_cst);
  if (waiters_.load(std::memory_order_seq_cst) != 0) futex_wake(epoch_, INT_MAX);
}

// Spare pages ahead of need: more of them after a shortage, unless what is short is grace periods.
void Reclaimer::refill() {
  if (!rcu.has_pages()) return;
  const uint32_t shortages = rcu.pages.shortages();
  if (is_period_old(now_ns())) {
    shortages_seen_ = shortages;
    return;
  }
  if (shortages != shortages_seen_ && spares_ < kMostSpares) spares_ *= 2;
  shortages_seen_ = shortages;
  rcu.pages.make_spares(spares_);
}

void Reclaimer::take_in(Scope scope, uint64_t now) {
  const RcuCore& core = rcu.core();
  Retired taken = {0, 0};
  if (rcu.has_pages()) {
    if (scope != Scope::kFull) {
      const bool drained = rcu.open.drain(now, scope == Scope::kAll ? 0 : age_ns(), core.fence);
      if (!drained) barriers_refused_.store(uint64_t{1} << 32 | batch_barrier_, std::memory_order_relaxed);
    }
    rcu.pages.take_full([&](void* const* objects, uint32_t count) {
      const Retired page = core.take_in(objects, count);
      taken.objects += page.objects;
      taken.bytes += page.bytes;
    });
  }
  const bool search = scope == Scope::kAll || is_search_due(now);
  if (search) searched_ns_ = now;
  const Retired bits = core.take_pending(search ? Search::kAll : Search::kListed);
  rcu.bit_taken.fetch_add(bits.objects, std::memory_order_relaxed);
  rcu.bit_bytes.fetch_sub(static_cast<int64_t>(bits.bytes), std::memory_order_relaxed);
  taken_.fetch_add(taken.objects + bits.objects, std::memory_order_relaxed);
  waiting_bytes_.fetch_add(taken.bytes + bits.bytes, std::memory_order_relaxed);
}

Reclaimer::Scope Reclaimer::scope_now(uint64_t now) const {
  const bool barrier =
      barriers_asked_.load(std::memory_order_seq_cst) != barriers_done_.load(std::memory_order_relaxed);
  if (barrier || hurry_.load(std::memory_order_relaxed)) return Scope::kAll;
  return now - looked_ns_ >= age_ns() / 2 ? Scope::kAged : Scope::kFull;
}

// True if there is a batch now, or a barrier that found nothing has been answered.
bool Reclaimer::begin_batch(uint64_t now) {
  // Before the scope: a barrier that is asked for behind this may find that it has been too small, and is the next batch's.
  batch_barrier_ = barriers_asked_.load(std::memory_order_seq_cst);
  RESLAB_HOOK("rcu_batch");
  const Scope scope = scope_now(now);
  if (scope != Scope::kFull) looked_ns_ = now;
  // Before the look, which then sees all that whoever set it has retired; a smaller one leaves it to the next batch. An
  // exchange: what is overwritten has been read.
  if (scope == Scope::kAll) hurry_.exchange(false, std::memory_order_acq_rel);
  RESLAB_HOOK("rcu_take_in");
  take_in(scope, now);
  begun_ns_ = now;
  if (waiting_bytes() != 0) is_settled_ = false;
  if (waiting_bytes() == 0) {
    end_batch();
    return false;
  }
  cookie_ = rcu.grace.get();  // behind all of the batch
  rcu.grace.want(cookie_);
  rcu.grace.bell().wake();
  return true;
}

void Reclaimer::end_batch() {
  if (cookie_ != 0) {
    RESLAB_HOOK("rcu_give_back");
    rcu.visit_pages(rcu.core().require_not_waiting, nullptr);
    const Retired given = rcu.core().give_back();
    freed_.fetch_add(given.objects, std::memory_order_relaxed);
    waiting_bytes_.fetch_sub(given.bytes, std::memory_order_relaxed);
    cookie_ = 0;
  }
  const bool answers = barriers_done_.load(std::memory_order_relaxed) != batch_barrier_;
  barriers_done_.store(batch_barrier_, std::memory_order_release);
  if (answers || waiters_.load(std::memory_order_relaxed) != 0) wake_waiters();
}

bool Reclaimer::has_work() const { return (rcu.has_pages() && rcu.pages.full() != 0) || rcu.core().has_pending(); }

// A slab that a thread is about to list, and never does, is listed by nobody else (slab/retired.h R1).
bool Reclaimer::is_search_due(uint64_t now) const { return rcu.bit_pending() != 0 && now - searched_ns_ >= kIdleLook; }

bool Reclaimer::is_much() const { return rcu.has_pages() && rcu.pages.full() >= kBatchPages; }

Doorbell::Call Reclaimer::call_for_page() const {
  constexpr uint32_t kFewSpares = 8;
  return is_much() || rcu.pages.spare() < kFewSpares ? Doorbell::Call::kUrgent : Doorbell::Call::kAny;
}

// Whether the next batch is to be taken in at this moment.
bool Reclaimer::may_begin(uint64_t now) const {
  const Scope scope = scope_now(now);
  if (scope == Scope::kAll) return true;
  const bool in_pause = now < begun_ns_ + kPause && !is_much();
  if (in_pause && !rcu.is_above_limit() && shortages_seen_ == rcu.pages.shortages()) return false;
  if (has_work() || is_search_due(now)) return true;
  return scope == Scope::kAged && rcu.open.any();
}

void Reclaimer::look_for_stall(uint64_t now) {
  const uint64_t since = rcu.grace.running_since();
  const uint64_t limit = rcu.core().options().rcu_stall;
  if (since == 0 || since == stalled_since_ || now < since + limit * kMs) return;
  stalled_since_ = since;  // once
  stalls_.fetch_add(1, std::memory_order_relaxed);
  Line line;
  line.text("reslab: the grace period of flavour ")
      .text(flavor_name(rcu.flavor.load(std::memory_order_relaxed)))
      .text(" has not ended for ")
      .dec((now - since) / kMs)
      .text(" ms: a reader does not leave; ")
      .dec(rcu.pending_bytes())
      .text(" bytes are pending");
  line.write_to(STDERR_FILENO);
}

// How long, and who may wake: while a batch waits or the pause lasts, only what is urgent.
void Reclaimer::sleep(uint64_t now) {
  const auto goes_on = [this] {
    return !stop_.load(std::memory_order_relaxed) && holders_.load(std::memory_order_relaxed) == 0;
  };
  const auto is_idle = [&] { return goes_on() && scope_now(0) != Scope::kAll; };
  const uint64_t look = age_ns() / 2 > kMs ? age_ns() / 2 : kMs;
  if (cookie_ != 0) {  // whatever is asked for meanwhile waits for this batch
    bell_.sleep(Doorbell::Call::kUrgent, 10 * kMs, [&] { return goes_on() && !rcu.grace.poll(cookie_); });
    return;
  }
  const bool has_open = rcu.open.any();
  if (has_work() && now < begun_ns_ + kPause) {
    bell_.sleep(Doorbell::Call::kUrgent, begun_ns_ + kPause - now, [&] { return is_idle() && !is_much(); });
    return;
  }
  bell_.sleep(Doorbell::Call::kAny, has_open || !is_settled_ ? look : kIdleLook,
              [&] { return is_idle() && !has_work() && (has_open || !rcu.open.any()); });
}

// Gives memory back: now and then while objects come, and once they have stopped.
void Reclaimer::settle(uint64_t now) {
  constexpr uint64_t kEvery = 100 * kMs;
  if (cookie_ != 0 || now < settled_ns_ + kEvery) return;
  const bool idle = now > begun_ns_ + kEvery;
  if (idle && is_settled_) return;
  rcu.core().settle(idle);
  settled_ns_ = now;
  is_settled_ = idle;
}

void Reclaimer::hold() {
  holders_.fetch_add(1, std::memory_order_seq_cst);
  bell_.wake();
  waiters_.fetch_add(1, std::memory_order_seq_cst);
  for (;;) {  // ends: class maintenance, may wait
    const uint32_t epoch = epoch_.load(std::memory_order_seq_cst);
    if (is_held_.load(std::memory_order_seq_cst) || stop_.load(std::memory_order_relaxed)) break;
    futex_wait(epoch_, epoch, kIdleLook);
  }
  waiters_.fetch_sub(1, std::memory_order_seq_cst);
}

void Reclaimer::let_go() {
  holders_.fetch_sub(1, std::memory_order_seq_cst);
  bell_.wake();
}

// True if it was held: whoever comes to hold it between the two last steps has seen is_held_, or is seen by the next look.
bool Reclaimer::stay_held() {
  const auto held = [this] {
    return holders_.load(std::memory_order_seq_cst) != 0 && !stop_.load(std::memory_order_relaxed);
  };
  if (!held()) return false;
  is_held_.store(true, std::memory_order_seq_cst);
  wake_waiters();
  while (held()) bell_.sleep(Doorbell::Call::kUrgent, kIdleLook, held);  // ends: holders are short
  is_held_.store(false, std::memory_order_seq_cst);
  return true;
}

bool Reclaimer::enter() {
  if (rcu.core().enter()) return true;
  bell_.sleep(Doorbell::Call::kUrgent, 10 * kMs, [this] { return !stop_.load(std::memory_order_relaxed); });
  return false;
}

void Reclaimer::run() {
  bool entered = false;
  while (!stop_.load(std::memory_order_acquire)) {
    if (stay_held() || !(entered = entered || enter())) continue;
    const uint64_t now = now_ns();
    refill();
    look_for_stall(now);
    if (cookie_ != 0 && rcu.grace.poll(cookie_)) end_batch();
    if (cookie_ == 0 && may_begin(now) && begin_batch(now)) continue;
    settle(now);
    sleep(now);
  }
}

void Reclaimer::forget() {
  stop_.store(false, std::memory_order_relaxed);
  hurry_.store(false, std::memory_order_relaxed);
  holders_.store(0, std::memory_order_relaxed);
  is_held_.store(false, std::memory_order_relaxed);
  waiters_.store(0, std::memory_order_relaxed);
  bell_.forget();
  cookie_ = 0;
  const RcuCore& core = rcu.core();
  Retired pending = core.adopt();
  if (rcu.has_pages()) {
    rcu.pages.finish_take([&](void* const* objects, uint32_t count) {
      const Retired rest = core.retire_rest(objects, count);
      pending.objects += rest.objects;
      pending.bytes += rest.bytes;
    });
    rcu.open.finish_drains();
    rcu.pages.count_full();
  }
  waiting_bytes_.store(0, std::memory_order_relaxed);
  taken_.store(freed_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  rcu.bit_taken.store(rcu.bit_objects.load(std::memory_order_relaxed) - pending.objects, std::memory_order_relaxed);
  rcu.bit_bytes.store(static_cast<int64_t>(pending.bytes), std::memory_order_relaxed);
}

void Reclaimer::free_all_alone() {
  take_in(Scope::kAll, now_ns());
  const Retired given = rcu.core().give_back();
  freed_.fetch_add(given.objects, std::memory_order_relaxed);
  waiting_bytes_.store(0, std::memory_order_relaxed);
  barriers_done_.store(barriers_asked_.load(std::memory_order_relaxed), std::memory_order_release);
}

}  // namespace reslab
