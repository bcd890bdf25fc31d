// SPDX-License-Identifier: Apache-2.0
// An rcutorture for reslab_free_rcu: readers that look whether what they hold was freed, writers that retire by every way,
// handlers that do both, in a cluster of shared slots.
//
// Every object carries its generation and a word computed from it and the address; a reader checks them at the beginning
// and at the end of its section. Objects that come back from the heap are overwritten at once by their next owner, and a
// freed one that nobody owns is overwritten by the scribblers, which allocate and free the same classes all the time: so
// a free that came too early is seen as a wrong word. At the end all must be freed and the heap's audit be clean.

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <vector>

#include "flavor.h"
#include "support.h"
#include "support/log.h"
#include "support/mode.h"
#include "support/random.h"
#include "support/thread_timer.h"

using namespace rcu_test;
using support::Random;

namespace {

struct Settings {
  const char* mode;
  const char* flavor_name;
  uint64_t ms;
  uint64_t seed;
  support::Log log;
};

struct Object {
  std::atomic<uint64_t> generation;
  std::atomic<uint64_t> word;
};

uint64_t word_of(const Object* object, uint64_t generation) {
  return (reinterpret_cast<uintptr_t>(object) ^ generation) * 0x9e3779b97f4a7c15 | 1;
}

constexpr int kSlots = 64, kReaders = 2, kWriters = 2;
constexpr size_t kSizes[] = {16, 16, 24, 48, 64, 64, 96, 128, 200, 512, 1000, 4096, 20000, 70000, 300000};
const rcu_flavor_struct* flavor;
std::atomic<Object*> slots[kSlots];
std::atomic<bool> stop{false};
std::atomic<uint64_t> generations{0}, retired{0}, looks{0}, handled{0}, cookies{0};

Object* make(size_t size, unsigned how) {
  void* memory =
      how == 0 ? reslab_malloc(size) : reslab_malloc_nolock(size <= 262144 ? size : 1024, how == 1 ? RESLAB_GROW : 0);
  if (memory == nullptr) return nullptr;
  auto* object = static_cast<Object*>(memory);
  const uint64_t generation = generations.fetch_add(1, std::memory_order_relaxed) + 1;
  object->generation.store(generation, std::memory_order_relaxed);
  object->word.store(word_of(object, generation), std::memory_order_relaxed);
  return object;
}

void require_whole(const Object* object, uint64_t generation, const char* when) {
  const uint64_t now = object->generation.load(std::memory_order_relaxed);
  const uint64_t word = object->word.load(std::memory_order_relaxed);
  if (now != generation || word != word_of(object, generation)) {
    RCU_FAIL("object %p of generation %llu reads %llu, %#llx %s: it was freed under a reader",
             static_cast<const void*>(object), static_cast<unsigned long long>(generation),
             static_cast<unsigned long long>(now), static_cast<unsigned long long>(word), when);
  }
}

// One read section, which may be a long one.
void look(Random& random, unsigned work) {
  flavor->read_lock();
  const reslab_gp_cookie inside = reslab_gp_get();
  const Object* object = slots[random.below(kSlots)].load(std::memory_order_acquire);
  if (object != nullptr) {
    const uint64_t generation = object->generation.load(std::memory_order_relaxed);
    require_whole(object, generation, "at first");
    for (unsigned i = 0; i < work; ++i) asm volatile("pause");
    require_whole(object, generation, "later");
  }
  RCU_CHECK(!reslab_gp_poll(inside));  // this reader has not left
  flavor->read_unlock();
  flavor->read_quiescent_state();
  looks.fetch_add(1, std::memory_order_relaxed);
}

void replace(Random& random, bool in_handler) {
  const unsigned how = in_handler ? 2 : static_cast<unsigned>(random.below(3));
  Object* fresh = make(kSizes[random.below(in_handler ? 11 : sizeof kSizes / sizeof kSizes[0])], how);
  Object* old = slots[random.below(kSlots)].exchange(fresh, std::memory_order_acq_rel);
  if (old == nullptr) return;
  if (!in_handler && random.below(64) == 0) {
    const int result = reslab_free_rcu_wait(old);
    RCU_CHECK(result == 0);
  } else {
    reslab_free_rcu(old);
  }
  retired.fetch_add(1, std::memory_order_relaxed);
}

// --- threads -----------------------------------------------------------------------------------------------------------

thread_local Random handler_random{0};

void on_signal(int) {
  const int saved = errno;
  errno = 815;
  if (flavor != &urcu_qsbr_flavor) {
    // The interrupted code may be inside a section: sections nest.
    flavor->read_lock();
    const Object* object = slots[handler_random.below(kSlots)].load(std::memory_order_acquire);
    if (object != nullptr) require_whole(object, object->generation.load(std::memory_order_relaxed), "in a handler");
    flavor->read_unlock();
  }
  replace(handler_random, true);
  if (handler_random.below(16) == 0) reslab_gp_expedite();
  if (handler_random.below(16) == 0) reslab_gp_start();
  RCU_CHECK(errno == 815);
  errno = saved;
  handled.fetch_add(1, std::memory_order_relaxed);
}

void* run_reader(void* seed) {
  Random random(reinterpret_cast<uintptr_t>(seed));
  Reader reader(*flavor);
  {
    handler_random = Random(random.next());
    const support::ThreadTimer timer(SIGUSR1, 150'000);
    while (!stop.load(std::memory_order_relaxed)) {
      look(random, random.below(2000) == 0 ? 200'000 : static_cast<unsigned>(random.below(200)));
    }
  }
  return nullptr;
}

void* run_writer(void* seed) {
  Random random(reinterpret_cast<uintptr_t>(seed));
  Reader reader(*flavor);
  {
    handler_random = Random(random.next());
    const support::ThreadTimer timer(SIGUSR1, 190'000);
    while (!stop.load(std::memory_order_relaxed)) {
      replace(random, false);
      flavor->read_quiescent_state();
      if (random.below(4096) == 0) RCU_CHECK(reslab_rcu_barrier() == 0);
      if (random.below(1024) == 0) sleep_ms(static_cast<unsigned>(random.below(5)));
    }
  }
  return nullptr;
}

// What was freed is written to as soon as it can be had. Also waits for cookies: a period must not end under a reader.
void* run_scribbler(void* seed) {
  Random random(reinterpret_cast<uintptr_t>(seed));
  void* held[64] = {};
  while (!stop.load(std::memory_order_relaxed)) {
    void*& place = held[random.below(64)];
    reslab_free(place);
    const size_t size = kSizes[random.below(sizeof kSizes / sizeof kSizes[0])];
    place = reslab_malloc(size);
    if (place != nullptr) memset(place, 0xdb, size < 256 ? size : 256);
    if (random.below(20000) == 0) {
      const reslab_gp_cookie cookie = reslab_gp_get();
      RCU_CHECK(reslab_gp_wait(cookie) == 0 && reslab_gp_poll(cookie));
      cookies.fetch_add(1, std::memory_order_relaxed);
    }
  }
  for (void* object : held) reslab_free(object);
  return nullptr;
}

Settings read_settings(const support::Arguments& arguments) {
  const uint64_t seconds =
      arguments.has("--minutes") ? 60 * arguments.number("--minutes", 1) : arguments.number("--seconds", 3);
  return {.mode = arguments.required("--mode"),
          .flavor_name = arguments.text("--flavor", "memb"),
          .ms = 1000 * (arguments.has("--quick") ? 3 : seconds),
          .seed = arguments.number("--seed", 1, 0),
          .log = support::Log(arguments)};
}

uint64_t begun_ms = 0;

void say(const Settings& settings, const char* what) {
  const reslab_rcu_stats now = stats();
  settings.log.line(
      "%s after %llu s: mode %s, flavour %s, seed %llu: %llu looks, %llu retired, %llu handlers, %llu cookies; "
      "freed %llu, by bit "
      "%llu, periods %llu, pages %llu, aged %llu, waits %llu",
      what, static_cast<unsigned long long>((now_ms() - begun_ms) / 1000), settings.mode, settings.flavor_name,
      static_cast<unsigned long long>(settings.seed), static_cast<unsigned long long>(looks.load()),
      static_cast<unsigned long long>(retired.load()), static_cast<unsigned long long>(handled.load()),
      static_cast<unsigned long long>(cookies.load()), static_cast<unsigned long long>(now.freed),
      static_cast<unsigned long long>(now.by_bit), static_cast<unsigned long long>(now.grace_periods),
      static_cast<unsigned long long>(now.pages), static_cast<unsigned long long>(now.pages_aged),
      static_cast<unsigned long long>(now.waits));
}

// What a reader of the log needs to do it again.
void begin_log(const Settings& settings) {
  char when[32];
  const time_t now = time(nullptr);
  tm parts;
  strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", gmtime_r(&now, &parts));
  settings.log.line("rcu_torture: begun %s UTC, for %llu s, on %ld CPUs; reslab %s", when,
                    static_cast<unsigned long long>(settings.ms / 1000), sysconf(_SC_NPROCESSORS_ONLN),
                    reslab_version());
  say(settings, "begins");
}

void torture(const Settings& settings) {
  Random seeds(settings.seed);
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigaction(SIGUSR1, &action, nullptr);
  std::vector<pthread_t> threads;
  const auto start = [&](void* (*run)(void*)) {
    pthread_t thread;
    RCU_CHECK(pthread_create(&thread, nullptr, run, reinterpret_cast<void*>(seeds.next())) == 0);
    threads.push_back(thread);
  };
  for (int i = 0; i < kReaders; ++i) start(run_reader);
  for (int i = 0; i < kWriters; ++i) start(run_writer);
  start(run_scribbler);
  for (uint64_t told = begun_ms; now_ms() - begun_ms < settings.ms;) {
    sleep_ms(50);
    reslab_trim(0);
    if (now_ms() - told > 60'000) {
      say(settings, "running");
      told = now_ms();
    }
  }
  stop.store(true);
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
  for (auto& slot : slots) reslab_free_rcu(slot.exchange(nullptr));
}

}  // namespace

int main(int argc, char** argv) {
  static constexpr support::Option kOptions[] = {
      support::kModeOption,
      {"--flavor", "memb|mb|qsbr|bp", "of liburcu (default memb)"},
      {"--quick", nullptr, "three seconds (the default)"},
      {"--seconds", "S", "so long"},
      {"--minutes", "M", "so long"},
      support::kSeedOption,
      support::kLogOption,
  };
  const Settings settings = read_settings(
      support::Arguments(argc, argv, "Readers, writers and handlers look for objects freed too early.", kOptions));
  flavor = flavor_named(settings.flavor_name);
  support::require_mode(settings.mode);
  begun_ms = now_ms();
  begin_log(settings);
  RCU_CHECK(reslab_rcu_init(flavor) == 0);
  RCU_CHECK(reslab_rcu_set_limit(8 << 20) == 0);
  torture(settings);
  RCU_CHECK(reslab_rcu_barrier() == 0);
  const reslab_rcu_stats end = stats();
  say(settings, "ends");
  if (end.freed != end.taken || end.freed < retired.load()) {
    RCU_FAIL("retired %llu, freed %llu", static_cast<unsigned long long>(retired.load()),
             static_cast<unsigned long long>(end.freed));
  }
  RCU_CHECK(end.pending_bytes == 0 && end.pending_objects == 0);
  RCU_CHECK(audit() == 0);
  settings.log.line("nothing was found: all that was retired is freed, the audit is clean");
  return 0;
}
