// SPDX-License-Identifier: Apache-2.0
// reslab_gp_expedite: `expedite MODE`, with an rcu_age of 100 s, so that nothing else begins a grace period meanwhile.
//
// A cookie of now does not elapse and nothing is freed until it is called: as it is, in a handler, and in a nolock scope of
// a handler, where it may wake nobody and is found by the reclaimer's next look. Who was not gone before is waited for all
// the same.

#include <signal.h>

#include <initializer_list>

#include "flavor.h"
#include "support.h"

using namespace rcu_test;

namespace {

constexpr uint64_t kObjects = 5;

void as_it_is() { reslab_gp_expedite(); }

void on_signal(int) {
  errno = 4711;
  reslab_gp_expedite();
  RCU_CHECK(errno == 4711);
}
void in_a_handler() {
  signal(SIGUSR1, on_signal);
  raise(SIGUSR1);
}

void on_signal_in_scope(int) {
  const unsigned saved = reslab_nolock_save();
  on_signal(0);
  reslab_nolock_restore(saved);
}
void in_a_scope_of_a_handler() {
  signal(SIGUSR1, on_signal_in_scope);
  raise(SIGUSR1);
}

// An object whose section was aborted too often went by its bit, and is taken in at once: then all of it again.
bool waits_and_elapses(void (*expedite)()) {
  RCU_CHECK(reslab_rcu_barrier() == 0);
  const reslab_rcu_stats before = stats();
  for (uint64_t i = 0; i < kObjects; ++i) reslab_free_rcu(reslab_malloc(64));
  const reslab_gp_cookie cookie = reslab_gp_get();
  for (int i = 0; i < 30; ++i) {
    sleep_ms(10);
    if (stats().by_bit != before.by_bit) return false;
    RCU_CHECK(!reslab_gp_poll(cookie) && stats().freed == before.freed);
  }
  expedite();
  while (!reslab_gp_poll(cookie)) sleep_ms(1);  // the test's limit ends it
  while (stats().freed != before.freed + kObjects) sleep_ms(1);
  return true;
}

void waits_for_readers() {
  Reader reader(urcu_memb_flavor);
  reader.enter();
  for (uint64_t i = 0; i < kObjects; ++i) reslab_free_rcu(reslab_malloc(64));
  const uint64_t freed = stats().freed;
  const reslab_gp_cookie cookie = reslab_gp_get();
  for (int i = 0; i < 20; ++i) {
    reslab_gp_expedite();
    sleep_ms(10);
    RCU_CHECK(!reslab_gp_poll(cookie) && stats().freed == freed);
  }
  reader.leave();
  while (!reslab_gp_poll(cookie) || stats().freed != freed + kObjects) sleep_ms(1);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return fprintf(stderr, "usage: expedite rseq|fallback\n"), 2;
  require_mode(arguments[1]);
  RCU_CHECK(reslab_rcu_init(nullptr) == 0);
  for (void (*expedite)() : {as_it_is, in_a_handler, in_a_scope_of_a_handler}) {
    while (!waits_and_elapses(expedite)) {}  // the test's limit ends it
  }
  RCU_CHECK(reslab_rcu_barrier() == 0);
  waits_for_readers();
  RCU_CHECK(reslab_rcu_barrier() == 0 && stats().pending_objects == 0);
  RCU_CHECK(audit() == 0);
  return 0;
}
