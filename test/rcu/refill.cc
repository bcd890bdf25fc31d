// SPDX-License-Identifier: Apache-2.0
// Spare pages are made ahead of need, by the reclaimer alone: `refill MODE`.
//
// While it is held at a hook, threads use up what is spare all at once. They make no page themselves, and go by bits; one
// shortage, however many saw it, doubles what is kept spare, once. The same burst of one thread then finds pages for all it
// retires although the reclaimer is held again. And a load that waits for it from time to time never goes by bits, nor makes
// it take more memory.

#include <pthread.h>
#include <semaphore.h>

#include <atomic>

#include "support.h"
#include "support/cpus.h"
#include "support/hooks.h"

using namespace rcu_test;

namespace {

constexpr uint64_t kPointers = 510, kFirstWanted = 32, kThreads = 4;

std::atomic<bool> hold_next{false};
sem_t is_held, may_go;

void stay(void*) {
  if (!hold_next.exchange(false)) return;
  sem_post(&is_held);
  while (sem_wait(&may_go) != 0) {}
}

void hold_reclaimer() {
  RCU_CHECK(reslab_rcu_barrier() == 0);
  hold_next.store(true);
  reslab_free_rcu(reslab_malloc(64));
  reslab_gp_expedite();
  while (sem_wait(&is_held) != 0) {}
}
void let_go() { sem_post(&may_go); }

// No more than so many can be open besides: one for each slot.
uint64_t open_pages() {
  reslab_status status = {};
  RCU_CHECK(reslab_get_status(&status, sizeof status) == 0);
  return status.slots;
}

// One is by no page where its section was aborted too often, which is nobody's shortage; a shortage is of thousands.
constexpr uint64_t kAborted = 50;

void retire_pages_full(uint64_t pages) {
  for (uint64_t i = 0; i < pages * kPointers; ++i) reslab_free_rcu(reslab_malloc(32));
}

void* retire_too_many(void*) {
  retire_pages_full(kFirstWanted);
  return nullptr;
}

void wait_for_spares(uint64_t wanted) {
  while (stats().pages_spare < wanted) sleep_ms(1);  // the test's limit ends it
}

void is_one_refill_for_all_who_were_short() {
  wait_for_spares(kFirstWanted);
  hold_reclaimer();
  const reslab_rcu_stats before = stats();
  pthread_t threads[kThreads];
  for (pthread_t& thread : threads) RCU_CHECK(pthread_create(&thread, nullptr, retire_too_many, nullptr) == 0);
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
  const reslab_rcu_stats short_of = stats();
  RCU_CHECK(short_of.pages == before.pages && short_of.pages_spare == 0);
  RCU_CHECK(short_of.by_bit - before.by_bit > (kThreads - 2) * kFirstWanted * kPointers);
  let_go();
  wait_for_spares(2 * kFirstWanted);
  RCU_CHECK(reslab_rcu_barrier() == 0);
  const uint64_t pages = stats().pages;
  if (pages > 2 * kFirstWanted + open_pages()) RCU_FAIL("%llu pages", static_cast<unsigned long long>(pages));
}

void has_pages_for_what_was_short() {
  wait_for_spares(2 * kFirstWanted);
  hold_reclaimer();
  const reslab_rcu_stats before = stats();
  retire_pages_full(kFirstWanted);
  const reslab_rcu_stats after = stats();
  RCU_CHECK(after.by_bit - before.by_bit < kAborted);
  RCU_CHECK(after.pages_spare > 0 && after.pages_spare <= before.pages_spare - kFirstWanted + 1);
  let_go();
}

void never_runs_out_under_a_paced_load() {
  RCU_CHECK(reslab_rcu_barrier() == 0);
  const reslab_rcu_stats before = stats();
  for (int round = 0; round < 40; ++round) {
    wait_for_spares(2 * kFirstWanted);
    retire_pages_full(kFirstWanted);
    RCU_CHECK(stats().pages_spare > 0);
    RCU_CHECK(reslab_rcu_barrier() == 0);
  }
  const reslab_rcu_stats after = stats();
  RCU_CHECK(after.by_bit - before.by_bit < kAborted);
  RCU_CHECK(after.freed - before.freed == 40 * kFirstWanted * kPointers && after.pending_objects == 0);
  // As many are kept spare while those of a round are full.
  RCU_CHECK(after.pages <= 3 * kFirstWanted + open_pages());
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return fprintf(stderr, "usage: refill rseq|fallback\n"), 2;
  require_mode(arguments[1]);
  sem_init(&is_held, 0, 0);
  sem_init(&may_go, 0, 0);
  RCU_CHECK(reslab_rcu_init(nullptr) == 0);
  {
    const support::Hook hook("rcu_take_in", stay);
    is_one_refill_for_all_who_were_short();
    support::stay_on_one_cpu();  // who moves leaves a page open on each CPU where he has been
    has_pages_for_what_was_short();
    never_runs_out_under_a_paced_load();
  }
  RCU_CHECK(audit() == 0);
  return 0;
}
