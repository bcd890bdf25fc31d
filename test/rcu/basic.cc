// SPDX-License-Identifier: Apache-2.0
// What each call of reslab/rcu.h does when it is used as meant: `basic MODE FLAVOUR`.

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>

#include "flavor.h"
#include "support.h"

using namespace rcu_test;

namespace {

const rcu_flavor_struct* flavor;

// A thread that stays inside a read section until it is let go.
class StalledReader {
 public:
  StalledReader() {
    sem_init(&inside_, 0, 0);
    sem_init(&leave_, 0, 0);
    RCU_CHECK(pthread_create(&thread_, nullptr, run, this) == 0);
    sem_wait(&inside_);
  }
  void let_go() {
    sem_post(&leave_);
    pthread_join(thread_, nullptr);
  }

 private:
  static void* run(void* self) {
    auto& own = *static_cast<StalledReader*>(self);
    Reader reader(*flavor);
    reader.enter();
    sem_post(&own.inside_);
    while (sem_wait(&own.leave_) != 0) {}
    reader.leave();
    return nullptr;
  }
  sem_t inside_, leave_;
  pthread_t thread_;
};

void barrier() { RCU_CHECK(reslab_rcu_barrier() == 0); }

// Kept before there is a reclaimer, by pages and by bits, and freed once there is one.
void keeps_what_comes_before_init() {
  const uint64_t live = live_objects();
  for (int i = 0; i < 40000; ++i) reslab_free_rcu(reslab_malloc(static_cast<size_t>(i % 700)));
  RCU_CHECK(live_objects() >= live + 39000);
  RCU_CHECK(stats().freed == 0 && stats().by_bit > 0);
  RCU_CHECK(reslab_rcu_init(flavor) == 0 && reslab_rcu_init(flavor) == 0);
  barrier();
  RCU_CHECK(live_objects() <= live + 8);  // what two threads need
  RCU_CHECK(stats().freed == 40000 && stats().pending_bytes == 0);
}

void refuses_another_flavor() {
  RCU_CHECK(reslab_rcu_init(flavor == &urcu_mb_flavor ? &urcu_memb_flavor : &urcu_mb_flavor) == EBUSY);
}

void frees_every_size_and_origin() {
  const uint64_t live = live_objects();
  for (size_t size = 0; size < 300 << 10; size = size * 9 / 8 + 1) {
    for (int i = 0; i < 3; ++i) reslab_free_rcu(reslab_malloc(size));
    reslab_free_rcu(reslab_calloc(1, size));
    reslab_free_rcu(reslab_aligned_alloc(256, size));
    reslab_free_rcu(reslab_malloc_nolock(size, RESLAB_GROW));
  }
  reslab_free_rcu(reslab_malloc(1 << 20));
  reslab_free_rcu(reslab_malloc(64 << 20));
  reslab_free_rcu(reslab_pages_alloc_nolock(3, RESLAB_GROW));
  reslab_free_rcu(reslab_pages_alloc_nolock(7, RESLAB_GROW));
  reslab_free_rcu(nullptr);
  reslab_reserve* reserve = reslab_reserve_create(100, 10);
  for (int i = 0; i < 10; ++i) reslab_free_rcu(reslab_reserve_alloc(reserve, 100, 0));
  barrier();
  RCU_CHECK(reslab_reserve_destroy(reserve) == 0);
  RCU_CHECK(live_objects() <= live);
}

void frees_nothing_under_a_reader() {
  barrier();
  const reslab_rcu_stats before = stats();
  StalledReader reader;
  unsigned char* objects[3000];
  for (auto& object : objects) {
    object = static_cast<unsigned char*>(reslab_malloc(48));
    memset(object, 0x5a, 48);
    reslab_free_rcu(object);
  }
  const reslab_gp_cookie cookie = reslab_gp_start();
  RCU_CHECK(!reslab_gp_poll(cookie) && reslab_gp_poll(reslab_gp_cookie{0}));
  reslab_gp_expedite();
  for (int i = 0; i < 2000; ++i) reslab_free(reslab_malloc(48));
  sleep_ms(200);
  RCU_CHECK(stats().freed == before.freed && !reslab_gp_poll(cookie));
  for (auto* object : objects) {
    for (int i = 0; i < 48; ++i) RCU_CHECK(object[i] == 0x5a);  // not a byte was touched
  }
  reader.let_go();
  barrier();
  RCU_CHECK(reslab_gp_poll(cookie) && stats().freed == before.freed + 3000);
}

void cookies_grow() {
  const reslab_gp_cookie first = reslab_gp_get();
  RCU_CHECK(!reslab_gp_poll(first));
  RCU_CHECK(reslab_gp_wait(first) == 0 && reslab_gp_poll(first));
  const reslab_gp_cookie second = reslab_gp_get();
  RCU_CHECK(second.gp > first.gp && !reslab_gp_poll(second));
  reslab_gp_start();
  for (int i = 0; i < 2000 && !reslab_gp_poll(second); ++i) sleep_ms(1);
  RCU_CHECK(reslab_gp_poll(second));
}

void few_cookies_are_incomplete() {
  StalledReader reader;
  uint64_t seen[8] = {};
  size_t count = 0;
  for (int i = 0; i < 300; ++i) {
    const reslab_gp_cookie cookie = reslab_gp_start();
    if (reslab_gp_poll(cookie)) continue;
    bool known = false;
    for (size_t j = 0; j < count; ++j) known = known || seen[j] == cookie.gp;
    if (!known) seen[count++] = cookie.gp;
    RCU_CHECK(count <= RESLAB_GP_ACTIVE_MAX);
    if (i % 100 == 0) sleep_ms(5);
  }
  reader.let_go();
}

// A number with what it may end in: k, m or g.
uint64_t option(const char* name) {
  char text[32] = "";
  RCU_CHECK(reslab_option_get(name, text, sizeof text) == 0);
  char* end;
  uint64_t number = strtoull(text, &end, 10);
  for (const char* unit = "kmg"; *end != '\0' && *unit != '\0'; ++unit) {
    number <<= 10;
    if (*unit == *end) ++end;
  }
  RCU_CHECK(end != text && *end == '\0');
  return number;
}

// Before anybody sets it.
void begins_with_the_limit_of_the_options() { RCU_CHECK(stats().limit_bytes == option("rcu_limit")); }

// How long a page that is not full waits when nobody asks for anything.
uint64_t ms_of_ageing() {
  barrier();
  const reslab_rcu_stats before = stats();
  for (int i = 0; i < 5; ++i) reslab_free_rcu(reslab_malloc(64));
  const uint64_t start = now_ms();
  while (stats().freed != before.freed + 5 && now_ms() - start < 20'000) sleep_ms(5);
  const uint64_t took = now_ms() - start;
  RCU_CHECK(stats().freed == before.freed + 5);
  if (stats().by_bit == before.by_bit) RCU_CHECK(took >= option("rcu_age") / 2);
  return took;
}

// It is taken in by its age alone, and soon. Again where the machine had no CPU for the reclaimer.
void pages_age() {
  const uint64_t most = 2 * option("rcu_age") + 100;  // and a grace period
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < 8 && least > most; ++i) least = std::min(least, ms_of_ageing());
  if (least > most) RCU_FAIL("a page waited for %llu ms", static_cast<unsigned long long>(least));
}

// Each caller's own object is free behind its barrier, however many ask at once (lesson 13).
void* ask_barriers(void* barriers) {
  reslab_group* group = reslab_group_create("asks", SIZE_MAX);
  RCU_CHECK(group != nullptr);
  for (int i = 0; i < 50; ++i) {
    void* object = reslab_group_malloc(group, 32);
    RCU_CHECK(object != nullptr && reslab_group_usage(group) >= 32);
    reslab_free_rcu(object);
    barrier();
    RCU_CHECK(reslab_group_usage(group) == 0);
    static_cast<std::atomic<int>*>(barriers)->fetch_add(1);
  }
  RCU_CHECK(reslab_group_destroy(group) == 0);
  return nullptr;
}

void barriers_are_many() {
  std::atomic<int> count{0};
  pthread_t threads[8];
  for (auto& thread : threads) RCU_CHECK(pthread_create(&thread, nullptr, ask_barriers, &count) == 0);
  for (auto& thread : threads) pthread_join(thread, nullptr);
  RCU_CHECK(count.load() == 400);
}

void* ask_barrier(void*) {
  barrier();
  return nullptr;
}

// Of this process, while a batch waits for a reader, and a barrier behind it.
long cpu_ms_of_waiting() {
  StalledReader reader;
  reslab_free_rcu(reslab_malloc(64));
  reslab_gp_expedite();
  sleep_ms(20);
  pthread_t waiter;
  RCU_CHECK(pthread_create(&waiter, nullptr, ask_barrier, nullptr) == 0);
  sleep_ms(20);
  const clock_t before = clock();
  sleep_ms(300);
  const auto worked = static_cast<long>(clock() - before) * 1000 / CLOCKS_PER_SEC;
  reader.let_go();
  pthread_join(waiter, nullptr);
  return worked;
}

// Nothing can be done, and nothing is. Again where the machine has charged something else to this process.
void waits_without_work() {
  barrier();
  long least = LONG_MAX;
  for (int i = 0; i < 4 && least > 15; ++i) least = std::min(least, cpu_ms_of_waiting());
  if (least > 15) RCU_FAIL("%ld ms of CPU in 300 ms of waiting", least);
}

std::atomic<bool> stop_pushing{false};

void* push_on(void* pushed) {
  uint64_t own = 0;
  for (; !stop_pushing.load(std::memory_order_relaxed); ++own) reslab_free_rcu(reslab_malloc(16 + own % 64));
  static_cast<std::atomic<uint64_t>*>(pushed)->fetch_add(own);
  return nullptr;
}

// Each barrier takes the pages being filled away from under the pushes.
void barriers_meet_pushes() {
  barrier();
  const reslab_rcu_stats before = stats();
  std::atomic<uint64_t> pushed{0};
  pthread_t threads[3];
  stop_pushing.store(false);
  for (auto& thread : threads) RCU_CHECK(pthread_create(&thread, nullptr, push_on, &pushed) == 0);
  for (const uint64_t start = now_ms(); now_ms() - start < 700;) barrier();
  stop_pushing.store(true);
  for (auto& thread : threads) pthread_join(thread, nullptr);
  barrier();
  const uint64_t freed = stats().freed - before.freed;
  if (freed != pushed.load()) {
    RCU_FAIL("%llu retired, %llu freed", static_cast<unsigned long long>(pushed.load()),
             static_cast<unsigned long long>(freed));
  }
}

void* let_go_later(void* reader) {
  sleep_ms(200);
  static_cast<StalledReader*>(reader)->let_go();
  return nullptr;
}

void waits_above_the_limit() {
  barrier();
  reslab_rcu_set_limit(256 << 10);
  const reslab_rcu_stats before = stats();
  const uint64_t start = now_ms();
  StalledReader reader;
  pthread_t helper;
  RCU_CHECK(pthread_create(&helper, nullptr, let_go_later, &reader) == 0);
  for (int i = 0; i < 4000; ++i) {
    RCU_CHECK(reslab_free_rcu_wait(reslab_malloc(4096)) == 0);
    // What lies in pages that are not full is not counted until they are: 510 objects a slot.
    RCU_CHECK(stats().pending_bytes <= (256 << 10) + 8 * 510 * 4608);
  }
  RCU_CHECK(stats().waits > before.waits && now_ms() - start >= 190);
  pthread_join(helper, nullptr);
  reslab_rcu_set_limit(64 << 20);
  barrier();
}

// Who may not wait goes on above the limit, and is counted whichever way his object goes.
void counts_who_may_not_wait() {
  barrier();
  reslab_rcu_set_limit(1 << 10);
  const reslab_rcu_stats before = stats();
  StalledReader reader;
  for (int i = 0; i < 3 * 510; ++i) reslab_free_rcu(reslab_malloc(64));
  RCU_CHECK(stats().unthrottled > before.unthrottled && stats().waits == before.waits);
  if (stats().pages > 0) RCU_CHECK(stats().by_bit == before.by_bit);
  reader.let_go();
  reslab_rcu_set_limit(64 << 20);
  barrier();
}

std::atomic<int> handled{0};

void on_signal(int) {
  const int saved = errno;
  errno = 4711;
  flavor->read_lock();  // a reader in a handler
  void* object = reslab_malloc_nolock(96, 0);
  reslab_free_rcu(object);
  const bool elapsed = reslab_gp_poll(reslab_gp_get());
  RCU_CHECK(!elapsed);
  reslab_gp_start();
  reslab_gp_expedite();
  flavor->read_unlock();
  RCU_CHECK(errno == 4711);
  errno = saved;
  handled.fetch_add(1);
}

void works_in_handlers() {
  if (flavor == &urcu_qsbr_flavor) return;  // its read sections are for threads that report quiescence
  Reader reader(*flavor);
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigaction(SIGUSR1, &action, nullptr);
  for (int i = 0; i < 500; ++i) {
    reader.enter();
    raise(SIGUSR1);
    reslab_free_rcu(reslab_malloc(40));
    raise(SIGUSR1);
    reader.leave();
  }
  RCU_CHECK(handled.load() == 1000);
}

void nolock_scopes_are_found() {
  barrier();
  const reslab_rcu_stats before = stats();
  const unsigned saved = reslab_nolock_save();
  void* object = reslab_malloc_nolock(64, RESLAB_GROW);
  reslab_free_rcu(object);
  RCU_CHECK(reslab_rcu_barrier() == EDEADLK);
  reslab_nolock_restore(saved);
  const uint64_t start = now_ms();
  while (stats().freed == before.freed && now_ms() - start < 20'000) sleep_ms(5);
  RCU_CHECK(stats().freed == before.freed + 1);
}

// A handler that leaves the audit by a jump, or would: the reclaimer goes on.
sigjmp_buf out_of_audit;
void leave_audit(int) { siglongjmp(out_of_audit, 1); }

void goes_on_after_audits_that_are_left() {
  signal(SIGALRM, leave_audit);
  for (int i = 1; i <= 60; ++i) {
    if (sigsetjmp(out_of_audit, 1) != 0) continue;
    const itimerval soon = {{}, {0, 20 * i}};
    setitimer(ITIMER_REAL, &soon, nullptr);
    audit();
    pause();
  }
  signal(SIGALRM, SIG_DFL);
  reslab_free_rcu(reslab_malloc(64));
  barrier();
}

// The child of a fork in the middle of a grace period, which never ends there: what the child, alone, has waited for has
// elapsed.
void elapses_for_a_child_alone() {
  StalledReader reader;
  const reslab_gp_cookie before = reslab_gp_start();
  while (stats().gp_age_ms == 0) sleep_ms(1);
  const reslab_gp_cookie cookie = reslab_gp_get();
  const pid_t child = fork();
  RCU_CHECK(child >= 0);
  if (child == 0) {
    alarm(20);
    reslab_free_rcu(reslab_malloc(64));
    RCU_CHECK(reslab_rcu_init(flavor) == 0 && stats().liburcu_locked);
    RCU_CHECK(reslab_gp_wait(cookie) == 0 && reslab_gp_poll(cookie) && reslab_gp_poll(before));
    const reslab_gp_cookie later = reslab_gp_get();
    RCU_CHECK(!reslab_gp_poll(later) && reslab_gp_wait(later) == 0 && reslab_gp_poll(later));
    RCU_CHECK(reslab_rcu_barrier() == 0 && stats().pending_objects == 0);
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) RCU_CHECK(errno == EINTR);
  RCU_CHECK(status == 0);
  reader.let_go();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3 || flavor_named(arguments[2]) == nullptr) {
    fprintf(stderr, "usage: basic rseq|fallback memb|mb|qsbr|bp\n");
    return 2;
  }
  flavor = flavor_named(arguments[2]);
  require_mode(arguments[1]);
  const struct {
    const char* name;
    void (*run)();
  } steps[] = {
      {"begins_with_the_limit_of_the_options", begins_with_the_limit_of_the_options},
      {"keeps_what_comes_before_init", keeps_what_comes_before_init},
      {"refuses_another_flavor", refuses_another_flavor},
      {"frees_every_size_and_origin", frees_every_size_and_origin},
      {"frees_nothing_under_a_reader", frees_nothing_under_a_reader},
      {"cookies_grow", cookies_grow},
      {"few_cookies_are_incomplete", few_cookies_are_incomplete},
      {"pages_age", pages_age},
      {"barriers_are_many", barriers_are_many},
      {"waits_without_work", waits_without_work},
      {"barriers_meet_pushes", barriers_meet_pushes},
      {"waits_above_the_limit", waits_above_the_limit},
      {"counts_who_may_not_wait", counts_who_may_not_wait},
      {"works_in_handlers", works_in_handlers},
      {"nolock_scopes_are_found", nolock_scopes_are_found},
      {"goes_on_after_audits_that_are_left", goes_on_after_audits_that_are_left},
      {"elapses_for_a_child_alone", elapses_for_a_child_alone},
  };
  for (const auto& step : steps) {
    const uint64_t start = now_ms();
    step.run();
    printf("%s: %llu ms\n", step.name, static_cast<unsigned long long>(now_ms() - start));
    fflush(stdout);
  }
  RCU_CHECK(reslab_rcu_barrier() == 0);
  RCU_CHECK(audit() == 0);
  return 0;
}
