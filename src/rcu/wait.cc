// SPDX-License-Identifier: Apache-2.0
// Cookies, barrier and limit: the calls of reslab/rcu.h but for reslab_free_rcu and reslab_rcu_init.

#include <cerrno>

#include "rcu/context.h"
#include "rcu/lifetime.h"
#include "rcu/rcu.h"
#include "reslab/rcu.h"

using namespace reslab;

namespace {

constexpr uint64_t kLookAgain = 1000 * kMs;  // a lost wake-up costs no more than this

// errno stays what it was whatever liburcu and libc do.
class KeepErrno {
 public:
  KeepErrno() : saved_(errno) {}
  ~KeepErrno() { errno = saved_; }
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;

 private:
  int saved_;
};

// Who makes sure that somebody frees may fail at it, or never come back, and others are waiting then.
int keep_reclaiming(const char* call) {
  const int error = start_reclaiming();
  if (error == 0) return 0;
  refuse_waiting(call, error);
  return EDEADLK;
}

// Sleeps until is_done(), which others make true before they change the epoch (lesson 13: all waiters are woken). 0, or
// EDEADLK: nobody frees any more.
template <class IsDone>
int wait_until(const char* call, IsDone is_done) {
  const Offline offline;
  Reclaimer& reclaimer = rcu.reclaimer;
  int refused = 0;
  reclaimer.waiters().fetch_add(1, std::memory_order_seq_cst);
  for (;;) {  // ends: class maintenance, may wait
    const uint32_t epoch = reclaimer.epoch().load(std::memory_order_seq_cst);
    if (is_done() || (refused = keep_reclaiming(call)) != 0) break;
    futex_wait(reclaimer.epoch(), epoch, kLookAgain);
  }
  reclaimer.waiters().fetch_sub(1, std::memory_order_seq_cst);
  return refused;
}

// In a child without liburcu the only reader there can be is this thread, which has been asked: the period is over.
bool ended_alone() { return rcu.liburcu_locked.load(std::memory_order_relaxed) && reclaim_alone(); }

// For maintenance calls: 0, or why it cannot wait.
int begin_waiting(const char* call, uintptr_t frame) {
  if (!may_wait_for_readers(call, frame)) return EDEADLK;
  return keep_reclaiming(call);
}

void ring(Doorbell& bell, Doorbell::Call call) {
  if (bell.has_sleeper() && !rcu.core().in_nolock_scope()) bell.ring(call);
}

}  // namespace

extern "C" {

reslab_gp_cookie reslab_gp_get(void) noexcept { return {rcu.grace.get()}; }

reslab_gp_cookie reslab_gp_start(void) noexcept {
  const uint64_t cookie = rcu.grace.get();
  rcu.grace.want(cookie);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // before the doorbell is looked at
  ring(rcu.grace.bell(), Doorbell::Call::kAny);
  return {cookie};
}

bool reslab_gp_poll(reslab_gp_cookie cookie) noexcept { return rcu.grace.poll(cookie.gp); }

void reslab_gp_expedite(void) noexcept {
  rcu.reclaimer.hurry();
  ring(rcu.reclaimer.bell(), Doorbell::Call::kUrgent);
}

int reslab_gp_wait(reslab_gp_cookie cookie) noexcept {
  const KeepErrno keep;
  if (rcu.grace.poll(cookie.gp)) return 0;
  const int refused = begin_waiting("reslab_gp_wait", RESLAB_RCU_FRAME);
  if (refused != 0) return refused;
  if (ended_alone()) return 0;
  const uint64_t latest = rcu.grace.get();
  if (cookie.gp > latest) cookie.gp = latest;  // no cookie of ours
  rcu.grace.want(cookie.gp);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  rcu.grace.bell().wake();
  return wait_until("reslab_gp_wait", [&] { return rcu.grace.poll(cookie.gp); });
}

int reslab_rcu_barrier(void) noexcept {
  const KeepErrno keep;
  const int refused = begin_waiting("reslab_rcu_barrier", RESLAB_RCU_FRAME);
  if (refused != 0) return refused;
  if (ended_alone()) return 0;
  const uint32_t number = rcu.reclaimer.ask_for_barrier();
  rcu.reclaimer.bell().wake();
  const int lost = wait_until("reslab_rcu_barrier", [&] { return rcu.reclaimer.barrier_is_done(number); });
  if (lost != 0 || !rcu.reclaimer.barrier_is_refused(number)) return lost;
  refuse_waiting("reslab_rcu_barrier", EPERM);
  return EDEADLK;
}

int reslab_free_rcu_wait(void* ptr) noexcept {
  const KeepErrno keep;
  int result = 0;
  if (!rcu.is_above_limit()) {
    result = may_wait_for_readers("reslab_free_rcu_wait", RESLAB_RCU_FRAME) ? 0 : EDEADLK;
  } else {
    result = begin_waiting("reslab_free_rcu_wait", RESLAB_RCU_FRAME);
    if (result == 0 && !ended_alone()) {
      rcu.waits.fetch_add(1, std::memory_order_relaxed);
      rcu.reclaimer.hurry();
      rcu.reclaimer.bell().wake();
      result = wait_until("reslab_free_rcu_wait", [] { return !rcu.is_above_limit(); });
    }
  }
  reslab_free_rcu(ptr);
  return result;
}

int reslab_rcu_set_limit(size_t pending_bytes) noexcept {
  rcu.limit_bytes.store(pending_bytes, std::memory_order_relaxed);
  return 0;
}

int reslab_rcu_get_stats(reslab_rcu_stats* out, size_t out_size) noexcept {
  if (out == nullptr) return EINVAL;
  reslab_rcu_stats stats = {};
  const Reclaimer& reclaimer = rcu.reclaimer;
  const bool has_pages = rcu.has_pages();
  const uint32_t full = has_pages ? rcu.pages.full() : 0;
  stats.freed = reclaimer.freed();
  stats.taken = reclaimer.taken();
  stats.pending_objects = stats.taken - stats.freed + rcu.bit_pending() + uint64_t{full} * PagePool::kPointers;
  stats.pending_bytes = rcu.pending_bytes();
  stats.by_bit = rcu.bit_objects.load(std::memory_order_relaxed);
  stats.grace_periods = rcu.grace.ended();
  const uint64_t since = rcu.grace.running_since();
  stats.gp_age_ms = since != 0 ? (now_ns() - since) / kMs : 0;
  stats.gp_stalls = reclaimer.stalls();
  stats.barriers = reclaimer.barriers();
  stats.waits = rcu.waits.load(std::memory_order_relaxed);
  stats.refused = rcu.refused.load(std::memory_order_relaxed);
  stats.unthrottled = rcu.unthrottled.load(std::memory_order_relaxed);
  stats.pages = has_pages ? rcu.pages.made() : 0;
  stats.pages_spare = has_pages ? rcu.pages.spare() : 0;
  stats.pages_aged = has_pages ? rcu.pages.aged() : 0;
  stats.limit_bytes = rcu.limit_bytes.load(std::memory_order_relaxed);
  stats.reclaimer = has_reclaimer();
  stats.liburcu_locked = rcu.liburcu_locked.load(std::memory_order_relaxed);
  const char* name = flavor_name(rcu.flavor.load(std::memory_order_relaxed));
  for (size_t i = 0; i + 1 < sizeof stats.flavor && name[i] != '\0'; ++i) stats.flavor[i] = name[i];
  __builtin_memcpy(out, &stats, out_size < sizeof stats ? out_size : sizeof stats);
  return 0;
}

}  // extern "C"
