// SPDX-License-Identifier: Apache-2.0
// Children that no fork handler knows of: `fork_forms MODE FLAVOUR`, by _Fork and by the bare system call.
//
// While two threads of the parent retire, it forks at rest, in a handler, and while a reader keeps a grace period from
// ending, which leaves liburcu locked in the child. A child retires and uses cookies at once, in whatever frame it is.
// Some end then, without anybody having freed there; the others begin reclaiming and must free what the parent had retired
// and what they have retired themselves: both are charged to groups, whose bytes tell. They end by exit, so by the library's
// destructor too, or by _exit. The parent goes on, and nothing of its own is lost.

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <iterator>

#include "flavor.h"
#include "support.h"
#include "support/child.h"
#include "support/thread_timer.h"

using namespace rcu_test;

namespace {

const rcu_flavor_struct* flavor;
reslab_group *of_parent, *of_child;
std::atomic<bool> stop{false};
bool period_runs = false;  // at each fork from now on
std::atomic<uint64_t> retired{0};

void retire_of(reslab_group* group) {
  for (int i = 0; i < 700; ++i) {
    void* object = reslab_group_malloc_nolock(group, static_cast<size_t>(16 + i % 200), RESLAB_GROW);
    RCU_CHECK(object != nullptr);
    reslab_free_rcu(object);
  }
  retired.fetch_add(700);
}

// With pauses: it is the children that are to get on.
void* retire_on(void*) {
  uint64_t own = 0;
  for (; !stop.load(std::memory_order_relaxed); ++own) {
    reslab_free_rcu(reslab_malloc(16 + own % 300));
    if (own % 100 == 0) sleep_ms(1);
  }
  retired.fetch_add(own);
  return nullptr;
}

// --- the child ---------------------------------------------------------------------------------------------------------

enum class End { kAtOnce, kWithoutDestructors, kByExit };

// The parent's reclaimer has the objects of one word of a slab's bits in its hand while it gives them back: those that it
// had at the fork are out in the child for ever.
constexpr size_t kLargest = 256, kMostInHand = 64 * kLargest;

bool all_is_freed() {
  return reslab_group_usage(of_child) == 0 && reslab_group_usage(of_parent) <= kMostInHand &&
         stats().pending_objects == 0;
}

// On top of a call of reslab it may not wait; but all is freed in time.
void free_all() {
  for (int i = 0; i < 10'000 && !all_is_freed(); ++i) {
    RCU_CHECK(reslab_rcu_init(flavor) == 0);
    const int waited = reslab_rcu_barrier();
    if (waited == 0) break;
    RCU_CHECK(waited == EDEADLK);
    reslab_gp_expedite();
    sleep_ms(1);
  }
  if (!all_is_freed()) {
    RCU_FAIL("a child still has %zu bytes of its parent and %zu of its own, locked %u", reslab_group_usage(of_parent),
             reslab_group_usage(of_child), stats().liburcu_locked);
  }
}

[[noreturn]] void be_child(End end) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(30);
  RCU_CHECK(reslab_group_usage(of_child) == 0);
  RCU_CHECK(stats().reclaimer == 0);
  retire_of(of_child);
  const reslab_gp_cookie cookie = reslab_gp_start();
  reslab_gp_expedite();
  RCU_CHECK(!reslab_gp_poll(cookie) && reslab_gp_poll({0}));
  RCU_CHECK(reslab_group_usage(of_child) != 0);  // kept: nobody frees here
  if (end == End::kAtOnce) _exit(0);
  free_all();
  if (period_runs) RCU_CHECK(stats().liburcu_locked == 1);
  retire_of(of_child);
  free_all();
  if (end == End::kWithoutDestructors) _exit(0);
  exit(0);
}

// --- the parent --------------------------------------------------------------------------------------------------------

constexpr struct {
  const char* name;
  pid_t (*call)();
} kForms[] = {{"a child of _Fork", [] { return _Fork(); }},
              {"a child of the system call fork", [] { return static_cast<pid_t>(syscall(SYS_fork)); }}};

constexpr End kEnds[] = {End::kAtOnce, End::kWithoutDestructors, End::kByExit};

void fork_at_rest() {
  for (const auto& form : kForms) {
    for (const End end : kEnds) {
      retire_of(of_parent);
      const pid_t child = form.call();
      if (child == 0) be_child(end);
      support::expect_good_end_of(child, form.name);
    }
  }
}

volatile sig_atomic_t forks_left = 0;

// exit is not for handlers.
void fork_in_handler(int) {
  if (forks_left == 0) return;
  const int saved = errno;
  const int number = forks_left;
  const auto& form = kForms[number % std::size(kForms)];
  const pid_t child = form.call();
  if (child == 0) be_child(kEnds[static_cast<size_t>(number) / 2 % 2]);
  support::expect_good_end_of(child, form.name);
  forks_left = number - 1;
  errno = saved;
}

// What the handler interrupts has another object in its hand, which its child lacks for ever: one of no group.
void fork_in_handlers(int count) {
  retire_of(of_parent);
  const support::ThreadTimer timer(SIGUSR1, support::period_of(300));
  uint64_t own = 0;
  for (forks_left = count; forks_left > 0; ++own) reslab_free_rcu(reslab_malloc(16 + own % 400));
  retired.fetch_add(own);
}

sem_t is_inside, may_leave;

void* stay_inside(void*) {
  Reader reader(*flavor);
  reader.enter();
  sem_post(&is_inside);
  while (sem_wait(&may_leave) != 0) {}
  reader.leave();
  return nullptr;
}

// A grace period runs at each of these forks: the children cannot use liburcu any more, and must be alone.
void fork_beside_a_reader() {
  pthread_t reader;
  RCU_CHECK(pthread_create(&reader, nullptr, stay_inside, nullptr) == 0);
  while (sem_wait(&is_inside) != 0) {}
  reslab_gp_start();
  while (stats().gp_age_ms == 0) sleep_ms(1);
  period_runs = true;
  fork_at_rest();
  fork_in_handlers(8);
  RCU_CHECK(reslab_group_usage(of_parent) != 0);  // the reader is the parent's, and keeps its objects
  sem_post(&may_leave);
  pthread_join(reader, nullptr);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3 || (flavor = flavor_named(arguments[2])) == nullptr)
    return fprintf(stderr, "usage: fork_forms rseq|fallback memb|mb|qsbr|bp\n"), 2;
  require_mode(arguments[1]);
  struct sigaction action = {};
  action.sa_handler = fork_in_handler;
  sigaction(SIGUSR1, &action, nullptr);
  sem_init(&is_inside, 0, 0);
  sem_init(&may_leave, 0, 0);
  of_parent = reslab_group_create("of the parent", SIZE_MAX);
  of_child = reslab_group_create("of the child", SIZE_MAX);
  RCU_CHECK(of_parent != nullptr && of_child != nullptr);
  RCU_CHECK(reslab_rcu_init(flavor) == 0 && reslab_rcu_barrier() == 0);
  RCU_CHECK(reslab_rcu_set_limit(16 << 20) == 0);

  pthread_t threads[2];
  for (pthread_t& thread : threads) RCU_CHECK(pthread_create(&thread, nullptr, retire_on, nullptr) == 0);
  fork_at_rest();
  fork_in_handlers(12);
  stop.store(true);
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
  fork_beside_a_reader();

  RCU_CHECK(reslab_rcu_barrier() == 0 && stats().reclaimer == 1);
  const reslab_rcu_stats end = stats();
  RCU_CHECK(end.freed == retired.load() && end.pending_objects == 0 && end.pending_bytes == 0);
  RCU_CHECK(reslab_group_usage(of_parent) == 0 && reslab_group_usage(of_child) == 0);
  RCU_CHECK(reslab_group_destroy(of_parent) == 0 && reslab_group_destroy(of_child) == 0);
  RCU_CHECK(audit() == 0);
  return 0;
}
