// SPDX-License-Identifier: Apache-2.0
// The operations of reslab/rcu.h, interrupted: `interrupted MODE steps|hooks|stopped|unlisted|fork-steps|fork-hooks
// FLAVOUR`.
//
//   steps        behind every instruction of each operation, another one runs (trap flag). Sections are aborted by every
//                step, so this is the way of whoever is debugged or flooded with signals: by bits.
//   hooks        at every hook that the operations and the reclaimer pass, other operations run, those included that take
//                a new page: what steps cannot reach.
//   stopped      a thread stays at each hook in turn while the others go on and, unless it is the reclaimer, wait for a
//                barrier; then it is let go.
//   unlisted     a thread stays where others rely on it to list its slab, whose objects must be freed all the same
//   fork-steps, fork-hooks   the process is forked there; the child retires, begins reclaiming anew, and must free all.
//
// After each run a barrier, the ledger, and the heap's audit.

#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "flavor.h"
#include "support.h"
#include "support/hooks.h"
#include "support/single_step.h"

using namespace rcu_test;

namespace {

const rcu_flavor_struct* flavor;

void* make(size_t size) {
  void* object = reslab_malloc(size);
  RCU_CHECK(object != nullptr);
  return object;
}

// Objects made beforehand: allocating is not what is stepped through here.
void* stock[64];
std::atomic<int> stocked{0};
constexpr size_t kLarge = 300'000;
bool is_large(int place) { return place % 8 == 0; }
void fill_stock() {
  for (; stocked < 64; ++stocked)
    stock[stocked] = make(is_large(stocked) ? kLarge : static_cast<size_t>(16 + stocked * 13));
}
uint64_t live_in_stock() {
  uint64_t live = 0;
  for (int place = 0; place < stocked.load(); ++place) live += is_large(place) ? (kLarge + 65535) / 65536 : 1;
  return live;
}
void retire_one() {
  if (stocked.load() > 0) reslab_free_rcu(stock[stocked.fetch_sub(1) - 1]);
}
void retire_many() {
  for (int i = 0; i < 1200; ++i) reslab_free_rcu(make(static_cast<size_t>(16 + i % 500)));
}
void look_at_cookies() {
  const bool elapsed = reslab_gp_poll(reslab_gp_get());
  if (elapsed) asm volatile("");
}
void start_period() { reslab_gp_start(); }
void expedite() { reslab_gp_expedite(); }
void retire_in_scope() {
  const unsigned saved = reslab_nolock_save();
  retire_one();
  reslab_nolock_restore(saved);
}
void read_stats() { stats(); }

struct Operation {
  const char* name;
  void (*run)();
};
constexpr Operation kOperations[] = {
    {"retire", retire_one},       {"retire in scope", retire_in_scope},
    {"cookies", look_at_cookies}, {"start", start_period},
    {"expedite", expedite},       {"stats", read_stats},
};

// Objects that are out when nothing is retired and the stock is empty.
uint64_t live_at_start = 0;

// How many forks from a hook lie above this process. The reclaimer of a child passes hooks as well, so it may have one of
// its own; what the frames in between had in hand is out there for ever.
uint64_t generation = 0;

// What is out now beyond that and the stock: a lost page would be 510, which is more than three forks above one another
// may have left.
bool is_balanced() {
  constexpr uint64_t kInHands = 150;  // of a frame that was interrupted or left, and the threads' own
  constexpr uint64_t kOfEachFork = 110;
  return live_objects() <= live_at_start + live_in_stock() + kInHands + kOfEachFork * generation;
}

void settle(const char* what, uint64_t step) {
  const int result = reslab_rcu_barrier();
  const reslab_rcu_stats now = stats();
  const int wrong = audit();
  if (!is_balanced()) RCU_FAIL("after %s, step %llu: objects are lost", what, static_cast<unsigned long long>(step));
  if (result != 0 || now.pending_objects != 0 || now.pending_bytes != 0 || wrong != 0) {
    RCU_FAIL("after %s, step %llu: barrier %d, %llu objects and %llu bytes pending, %d violations", what,
             static_cast<unsigned long long>(step), result, static_cast<unsigned long long>(now.pending_objects),
             static_cast<unsigned long long>(now.pending_bytes), wrong);
  }
}

// --- steps -------------------------------------------------------------------------------------------------------------

const Operation* nested;

void run_nested(uint64_t, void*) {
  const int saved = errno;
  errno = 99;
  if (stocked > 2) nested->run();
  RCU_CHECK(errno == 99);
  errno = saved;
}

void run_operation(void* operation) { static_cast<const Operation*>(operation)->run(); }

uint64_t step_all(void (*at_step)(uint64_t, void*)) {
  uint64_t steps = 0;
  for (const Operation& outer : kOperations) {
    for (const Operation& inner : kOperations) {
      fill_stock();
      nested = &inner;
      steps += support::single_step(run_operation, at_step, const_cast<Operation*>(&outer));
      settle(outer.name, steps);
    }
  }
  return steps;
}

void steps() {
  const uint64_t taken = step_all(run_nested);
  RCU_CHECK(taken > 5000);
  printf("%llu steps\n", static_cast<unsigned long long>(taken));
}

// --- hooks -------------------------------------------------------------------------------------------------------------

bool is_ours(const std::string& name) {
  return name.rfind("rcu_", 0) == 0 || name.rfind("retire", 0) == 0 || name == "stack_push" || name == "stack_pop";
}

template <class Visit>
int for_each_hook(Visit visit) {
  int passed = 0;
  for (const std::string& name : support::hook_names()) {
    if (is_ours(name)) passed += visit(name) ? 1 : 0;
  }
  return passed;
}

thread_local bool inside = false;
std::atomic<int> calls{0};

void nested_at_hook(void*) {
  if (inside || calls.load(std::memory_order_relaxed) > 200) return;
  inside = true;
  calls.fetch_add(1);
  const int saved = errno;
  errno = 98;
  for (int i = 0; i < 600; ++i) {
    void* object = reslab_malloc_nolock(static_cast<size_t>(16 + i % 300), 0);
    if (object != nullptr) reslab_free_rcu(object);
  }
  look_at_cookies();
  start_period();
  expedite();
  RCU_CHECK(errno == 98);
  errno = saved;
  inside = false;
}

void hooks() {
  const int passed = for_each_hook([](const std::string& name) {
    calls.store(0);
    {
      const support::Hook hook(name.c_str(), nested_at_hook);
      retire_many();
      fill_stock();
      retire_in_scope();
      inside = true;  // a barrier's own frame is no place to wait from a handler
      RCU_CHECK(reslab_rcu_barrier() == 0);
      inside = false;
    }
    settle(name.c_str(), 0);
    return calls.load() > 0;
  });
  RCU_CHECK(passed >= 6);
  printf("%d hooks passed\n", passed);
}

// --- stopped -----------------------------------------------------------------------------------------------------------

std::atomic<bool> stop_next{false};
std::atomic<pid_t> stopped_thread{0};
sem_t let_go;

void stay(void*) {
  bool expected = true;
  if (!stop_next.compare_exchange_strong(expected, false)) return;
  stopped_thread.store(gettid());
  while (sem_wait(&let_go) != 0) {}
}

void* retire_until_stopped(void*) {
  retire_many();
  fill_stock();
  return nullptr;
}

std::atomic<pid_t> victim_id{0};
void* victim(void*) {
  victim_id.store(gettid());
  return retire_until_stopped(nullptr);
}

bool stop_at(const std::string& name) {
  const support::Hook hook(name.c_str(), stay);
  stopped_thread.store(0);
  victim_id.store(0);
  stop_next.store(true);
  pthread_t thread;
  RCU_CHECK(pthread_create(&thread, nullptr, victim, nullptr) == 0);
  const uint64_t begun = now_ms();
  while (stopped_thread.load() == 0 && now_ms() - begun < 150) sleep_ms(1);
  const bool was_stopped = !stop_next.exchange(false);
  while (was_stopped && stopped_thread.load() == 0) sleep_ms(1);
  // All others go on; they wait for nobody but the reclaimer, and for that only in calls that say so.
  const uint64_t worked = now_ms();
  for (int i = 0; i < 20; ++i) retire_many();
  RCU_CHECK(now_ms() - worked < 5000);
  if (was_stopped && stopped_thread.load() == victim_id.load()) RCU_CHECK(reslab_rcu_barrier() == 0);
  if (was_stopped) sem_post(&let_go);
  pthread_join(thread, nullptr);
  return was_stopped;
}

void stopped() {
  sem_init(&let_go, 0, 0);
  const int passed = for_each_hook([](const std::string& name) {
    const bool was_stopped = stop_at(name);
    settle(name.c_str(), 0);
    return was_stopped;
  });
  RCU_CHECK(passed >= 6);
  printf("stopped at %d hooks\n", passed);
}

// --- unlisted ----------------------------------------------------------------------------------------------------------

// The thread stays where it has marked the slab of its object as listed, and has not listed it. The other objects of that
// slab are freed all the same, and nobody has to ask for a barrier.
void unlisted() {
  constexpr int kOthers = 100;
  constexpr uint64_t kMostMs = 10'000;
  sem_init(&let_go, 0, 0);
  static void* in_one_slab[kOthers + 1];
  for (void*& object : in_one_slab) object = make(64);
  pthread_t thread;
  {
    const support::Hook hook("retired_list", stay);
    stop_next.store(true);
    RCU_CHECK(pthread_create(
                  &thread, nullptr,
                  [](void*) -> void* {
                    reslab_free_rcu(in_one_slab[kOthers / 2]);
                    return nullptr;
                  },
                  nullptr) == 0);
    while (stopped_thread.load() == 0) sleep_ms(1);
    const uint64_t before = stats().freed, begun = now_ms();
    for (int i = 0; i <= kOthers; ++i) {
      if (i != kOthers / 2) reslab_free_rcu(in_one_slab[i]);
    }
    while (stats().freed < before + kOthers && now_ms() - begun < kMostMs) sleep_ms(1);
    RCU_CHECK(stats().freed >= before + kOthers);
    printf("freed after %llu ms\n", static_cast<unsigned long long>(now_ms() - begun));
    sem_post(&let_go);
    pthread_join(thread, nullptr);
  }
  settle("unlisted", 0);
}

// --- fork --------------------------------------------------------------------------------------------------------------

constexpr uint64_t kOfChild = 700;
void retire_in_child() {
  for (uint64_t i = 0; i < kOfChild; ++i) reslab_free_rcu(reslab_malloc(16 + i % 200));
}

// Of one look: what lies in a page that is still being filled is not pending in the figures, and is when it is taken in.
struct Look {
  reslab_rcu_stats figures;
  bool is_all_freed;
};
Look look(uint64_t freed_before) {
  const reslab_rcu_stats now = stats();
  return {now, now.pending_objects == 0 && now.freed >= freed_before + kOfChild && is_balanced()};
}

// In the child: all that the parent had retired, and more, must be freed.
[[noreturn]] void be_child() {
  alarm(20);
  ++generation;
  const uint64_t freed_before = stats().freed;
  retire_in_child();
  const int begun = reslab_rcu_init(flavor);
  const int waited = reslab_rcu_barrier();
  Look now = look(freed_before);
  if (waited == EDEADLK) {  // forked on top of a call of reslab: it may not wait, but all is freed in time
    reslab_gp_expedite();
    for (int i = 0; i < 5000 && !now.is_all_freed; ++i) {
      sleep_ms(1);
      now = look(freed_before);
    }
  }
  if (begun != 0 || (waited != 0 && waited != EDEADLK) || !now.is_all_freed) {
    fprintf(stderr, "child %llu: init %d, barrier %d, %llu pending, %llu freed before and %llu now, ",
            static_cast<unsigned long long>(generation), begun, waited,
            static_cast<unsigned long long>(now.figures.pending_objects), static_cast<unsigned long long>(freed_before),
            static_cast<unsigned long long>(now.figures.freed));
    fprintf(stderr, "%llu live of %llu and %llu, locked %u\n", static_cast<unsigned long long>(live_objects()),
            static_cast<unsigned long long>(live_at_start), static_cast<unsigned long long>(live_in_stock()),
            now.figures.liburcu_locked);
    _exit(3);
  }
  retire_in_child();
  const int again = reslab_rcu_barrier();
  if (again != 0 && again != EDEADLK) _exit(4);
  _exit(0);
}

void fork_here(const char* what, uint64_t step) {
  const pid_t child = fork();
  RCU_CHECK(child >= 0);
  if (child == 0) be_child();
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (status != 0) {
    RCU_FAIL("%s, step %llu: the child ended with status %#x", what, static_cast<unsigned long long>(step),
             static_cast<unsigned>(status));
  }
}

uint64_t stride = 1;

void fork_at_step(uint64_t step, void*) {
  if (step % stride == 0) fork_here("fork at a step", step);
}

void fork_steps() {
  stride = 7;
  for (const Operation& outer : kOperations) {
    fill_stock();
    retire_many();
    support::single_step(run_operation, fork_at_step, const_cast<Operation*>(&outer));
    settle(outer.name, 0);
  }
}

void fork_at_hook(void* name) {
  if (inside || calls.load(std::memory_order_relaxed) >= 3) return;
  inside = true;
  calls.fetch_add(1);
  fork_here(static_cast<const char*>(name), 0);
  inside = false;
}

void fork_hooks() {
  const int passed = for_each_hook([](const std::string& name) {
    calls.store(0);
    {
      const support::Hook hook(name.c_str(), fork_at_hook, const_cast<char*>(name.c_str()));
      retire_many();
      fill_stock();
      retire_in_scope();
      inside = true;
      RCU_CHECK(reslab_rcu_barrier() == 0);
      inside = false;
    }
    settle(name.c_str(), 0);
    return calls.load() > 0;
  });
  RCU_CHECK(passed >= 6);
  printf("forked at %d hooks\n", passed);
}

constexpr Operation kKinds[] = {
    {"steps", steps},           {"hooks", hooks},           {"stopped", stopped},
    {"fork-steps", fork_steps}, {"fork-hooks", fork_hooks}, {"unlisted", unlisted},
};

}  // namespace

int main(int count, char** arguments) {
  if (count == 4 && (flavor = flavor_named(arguments[3])) != nullptr) {
    for (const Operation& kind : kKinds) {
      if (strcmp(arguments[2], kind.name) != 0) continue;
      require_mode(arguments[1]);
      RCU_CHECK(reslab_rcu_init(flavor) == 0 && reslab_rcu_barrier() == 0);
      RCU_CHECK(strcmp(stats().flavor, arguments[3]) == 0);
      live_at_start = live_objects();
      kind.run();
      return 0;
    }
  }
  fprintf(stderr,
          "usage: interrupted rseq|fallback steps|hooks|stopped|unlisted|fork-steps|fork-hooks memb|mb|qsbr|bp\n");
  return 2;
}
