// SPDX-License-Identifier: Apache-2.0
// Readers at full speed, writers that retire, and a SIGPROF handler that looks up and changes the same table at any
// instruction of either: `rcu_table [SECONDS]`. Each value is computed from its key, so that a reader sees a broken one.

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>
#define URCU_API_MAP
#include <urcu/urcu-memb.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "table.h"

using rcu_table::Table;

namespace {

constexpr uint64_t kKeys = 20'000;
Table table;
std::atomic<bool> stop{false};
std::atomic<uint64_t> lookups{0}, changes{0}, in_handler{0};

constexpr uint64_t value_of(uint64_t key) { return key * 31 + 7; }

uint64_t next(uint64_t& state) {
  state = state * 6364136223846793005 + 1442695040888963407;
  return state >> 33;
}

void look_up(uint64_t key) {
  uint64_t value;
  urcu_memb_read_lock();
  if (table.find(key, value) && value != value_of(key)) {
    fputs("rcu_table: a reader saw a broken entry\n", stderr);
    abort();
  }
  urcu_memb_read_unlock();
}

void change(uint64_t random, int tries) {
  const uint64_t key = random % kKeys;
  urcu_memb_read_lock();
  const bool changed = (random / kKeys) % 4 == 0 ? table.erase(key, tries) : table.set(key, value_of(key), tries);
  urcu_memb_read_unlock();
  if (changed) changes.fetch_add(1, std::memory_order_relaxed);
}

// Runs on whichever thread burns the CPU, inside malloc, inside a read section, inside reslab_free_rcu.
void on_profile(int) {
  static std::atomic<uint64_t> state{1};
  const int saved = errno;
  uint64_t seed = state.fetch_add(0x9e3779b97f4a7c15);
  look_up(next(seed) % kKeys);
  change(next(seed), 3);
  in_handler.fetch_add(1, std::memory_order_relaxed);
  errno = saved;
}

void mask_profile(int how) {
  sigset_t profile;
  sigemptyset(&profile);
  sigaddset(&profile, SIGPROF);
  pthread_sigmask(how, &profile, nullptr);
}

// A thread whose handler reads, for as long as this lives: begun with the signal blocked, as before and behind it the handler
// would read unseen.
class Reader {
 public:
  Reader() {
    urcu_memb_register_thread();
    mask_profile(SIG_UNBLOCK);
  }
  ~Reader() {
    mask_profile(SIG_BLOCK);
    urcu_memb_unregister_thread();
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
};

void* read_table(void* seed) {
  uint64_t state = reinterpret_cast<uintptr_t>(seed), count = 0;
  const Reader reader;
  for (; !stop.load(std::memory_order_relaxed); ++count) look_up(next(state) % kKeys);
  lookups.fetch_add(count);
  return nullptr;
}

void* write_table(void* seed) {
  uint64_t state = reinterpret_cast<uintptr_t>(seed);
  const Reader reader;
  while (!stop.load(std::memory_order_relaxed)) change(next(state), 100);
  return nullptr;
}

}  // namespace

int main(int count, char** arguments) {
  const int seconds = count > 1 ? atoi(arguments[1]) : 3;
  if (seconds < 1 || reslab_rcu_init(&urcu_memb_flavor) != 0) return fputs("usage: rcu_table [SECONDS]\n", stderr), 2;
  signal(SIGPROF, on_profile);
  mask_profile(SIG_BLOCK);  // threads begin with it
  const itimerval every = {{0, 1000}, {0, 1000}};
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) {
    if (pthread_create(&threads[i], nullptr, i < 2 ? read_table : write_table, reinterpret_cast<void*>(i + 1L)) != 0)
      abort();
  }
  setitimer(ITIMER_PROF, &every, nullptr);
  sleep(static_cast<unsigned>(seconds));
  stop.store(true);
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
  const itimerval never = {};
  setitimer(ITIMER_PROF, &never, nullptr);
  table.clear();
  if (reslab_rcu_barrier() != 0) return 1;
  reslab_rcu_stats stats = {};
  reslab_rcu_get_stats(&stats, sizeof stats);
  printf("%llu lookups, %llu changes, %llu handlers, %llu arrays freed in %llu grace periods, %llu pending\n",
         static_cast<unsigned long long>(lookups.load()), static_cast<unsigned long long>(changes.load()),
         static_cast<unsigned long long>(in_handler.load()), static_cast<unsigned long long>(stats.freed),
         static_cast<unsigned long long>(stats.grace_periods), static_cast<unsigned long long>(stats.pending_objects));
  return in_handler.load() > 0 && stats.pending_objects == 0 && lookups.load() > 0 ? 0 : 1;
}
