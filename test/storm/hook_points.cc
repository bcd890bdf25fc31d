// SPDX-License-Identifier: Apache-2.0
// Random operations at hook points: wherever the library passes one, between two of its steps, the thread may begin other
// operations, at whose hook points it may begin others again, four deep. More threads than CPUs do so at the same time,
// and free what the others allocated.
//
// It passes when nothing hangs, every pattern holds, errno is kept, the heap is sound and every object came back, and when
// operations were begun at each depth and at nearly every hook.
#include <errno.h>
#include <malloc.h>
#include <reslab/reslab.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "arguments.h"
#include "backtraces.h"
#include "failure.h"
#include "hooks.h"
#include "ledger.h"
#include "library.h"
#include "log.h"
#include "operations.h"
#include "worker.h"

namespace storm {

using namespace support;

namespace {

constexpr size_t kWorkers = 4;
constexpr size_t kMaxDepth = 4;
// At one in so many passings of a hook operations begin; each of them passes some dozens. Where a hook is rarely passed,
// at each.
constexpr size_t kOneIn = 128, kOneInNested = 16;
constexpr uint64_t kRarely = 100;
constexpr size_t kMostSteps = 3;
constexpr unsigned kMostSeconds = 20;  // between two looks at the heap
// What is left are hooks of debug modes, of deferred reclamation, of forks, of first calls, and of the other mode.
constexpr size_t kLeastHooks = 75;

struct Settings {
  const char* mode;
  unsigned seconds;
  uint64_t seed;
  Log log;
};

struct HookPoint {
  std::string name;
  std::atomic<uint64_t> passed{0};
  std::atomic<uint64_t> entered{0};  // where operations were begun
  std::unique_ptr<Hook> hook;
};

Slots slots;
Tally tally;
Worker workers[kWorkers];
std::atomic<uint64_t> begun_at_depth[kMaxDepth];
thread_local Worker* current = nullptr;

// --- typed caches and groups -----------------------------------------------------------------------------------------

constexpr size_t kTypedBytes = 336;

reslab_cache* cache;
reslab_group *outer_group, *inner_group;
std::atomic<void*> typed[kMaxWorkers * 64];  // each of them begins with its own address

void prepare_typed() {
  const reslab_cache_args args = {kTypedBytes, 0, RESLAB_CACHE_NO_MERGE, nullptr, nullptr};
  cache = reslab_cache_create("at hooks", &args);
  outer_group = reslab_group_create("outer", SIZE_MAX);
  inner_group = reslab_group_create_in(outer_group, "inner", SIZE_MAX);
  if (cache == nullptr || outer_group == nullptr || inner_group == nullptr) fail("no place for a cache and two groups");
}

void give_typed(void* object, Random& random) {
  if (object == nullptr) return;
  if (*static_cast<void**>(object) != object) fail("stamp of %p of the typed cache is broken", object);
  *static_cast<void**>(object) = nullptr;
  if (random.one_in(2)) reslab_cache_free(cache, object);
  else reslab_cache_free_nolock(cache, object);
}

void typed_step(Random& random) {
  void* object = nullptr;
  if (random.one_in(3)) {
    object = reslab_cache_alloc(cache);
    if (object == nullptr) fail("reslab_cache_alloc returned NULL");
  } else if (random.one_in(2)) {
    object = reslab_cache_alloc_nolock(cache, 0);
    Tally::count(tally.nolock_tried);
    if (object == nullptr) Tally::count(tally.nolock_failed);
  }
  if (object != nullptr) *static_cast<void**>(object) = object;
  give_typed(typed[random.below(std::size(typed))].exchange(object, std::memory_order_acq_rel), random);
}

void charged_step(size_t self, Random& random) {
  const size_t bytes = Object::codable(1 + random.below(random.one_in(8) ? 100'000 : 2'000));
  reslab_group* const group = random.one_in(2) ? inner_group : outer_group;
  if (random.one_in(4)) {
    reslab_group_enter(group);
    slots.plain_step(self, random);
    return reslab_group_leave();
  }
  void* address;
  if (random.one_in(2)) {
    address = reslab_group_malloc(group, bytes);
    if (address == nullptr) fail("reslab_group_malloc(%zu) returned NULL", bytes);
  } else {
    address = reslab_group_malloc_nolock(group, bytes, 0);
    Tally::count(tally.nolock_tried);
    if (address == nullptr) return Tally::count(tally.nolock_failed);
  }
  const Object object(address, bytes, static_cast<uint8_t>(random.next() >> 56));
  object.fill();
  slots.leave(self, object, random);
}

// --- at the hooks ----------------------------------------------------------------------------------------------------

void random_step(Worker& worker, Random& random) {
  switch (random.below(16)) {
    case 0:
      return typed_step(random);
    case 1:
      return charged_step(worker.index, random);
    case 2: {  // a handler's: refused inside a slow path
      const int before = errno;
      if (random.one_in(8)) reslab_trim(0);
      else reslab_flush_deferred();
      errno = before;
      return;
    }
    default:
      return slots.mixed_step(worker.index, random, tally);
  }
}

void at_hook(void* context) {
  auto& point = *static_cast<HookPoint*>(context);
  Tally::count(point.passed);
  if (current == nullptr) return;
  Worker& worker = *current;
  Random& random = worker.handler_random;
  const size_t depth = worker.depth.load(std::memory_order_relaxed);
  if (depth == kMaxDepth) return;
  const bool is_rare = point.entered.load(std::memory_order_relaxed) < kRarely;
  if (!is_rare && !random.one_in(depth == 0 ? kOneIn : kOneInNested)) return;
  const int interrupted_errno = errno;
  Tally::count(point.entered);
  Tally::count(begun_at_depth[depth]);
  worker.depth.store(depth + 1, std::memory_order_relaxed);
  for (size_t i = 1 + random.below(kMostSteps); i > 0; --i) random_step(worker, random);
  worker.depth.store(depth, std::memory_order_relaxed);
  errno = interrupted_errno;
}

using Clock = std::chrono::steady_clock;

void work(Worker& worker, uint64_t seed, Clock::time_point end) {
  current = &worker;
  Random random(seed + worker.index);
  while (Clock::now() < end) {
    worker.one_round(slots, tally);
    for (int i = 0; i < 64; ++i) random_step(worker, random);
  }
  current = nullptr;
}

void release_all(Random& random) {
  slots.release_all(random);
  for (std::atomic<void*>& slot : typed) give_typed(slot.exchange(nullptr), random);
}

void storm_until(Clock::time_point end, uint64_t seed) {
  std::thread threads[kWorkers];
  for (size_t i = 0; i < kWorkers; ++i) threads[i] = std::thread(work, std::ref(workers[i]), seed, end);
  for (std::thread& thread : threads) thread.join();
}

// With no object in a slot, before and after.
void one_storm(Clock::time_point end, uint64_t seed) {
  static Ledger before, after;  // too large for a stack
  before.take();
  const uint64_t failed_before = tally.nolock_failed;
  storm_until(end, seed);
  expect_sound_heap("with objects in the slots");
  Random random(seed);
  release_all(random);
  expect_sound_heap("with all objects freed");
  after.take();
  after.expect_same(before, "with all objects freed");
  const uint64_t counted = after.stats().nolock_failures - before.stats().nolock_failures;
  const uint64_t failed = tally.nolock_failed - failed_before;
  if (counted != failed) fail("nolock_failures grew by %lu, %lu were seen", counted, failed);
  if (reslab_group_usage(outer_group) != 0) fail("%zu bytes stay charged", reslab_group_usage(outer_group));
}

void report(const Settings& settings, const std::vector<std::unique_ptr<HookPoint>>& points) {
  size_t entered = 0;
  for (const auto& point : points) {
    if (point->entered > 0) ++entered;
    else settings.log.line("%s: passed %lu times, nothing begun there", point->name.c_str(), point->passed.load());
  }
  settings.log.line("operations begun at %zu of %zu hooks, %lu rounds", entered, points.size(), tally.rounds.load());
  for (size_t depth = 0; depth < kMaxDepth; ++depth) {
    settings.log.line("at depth %zu: %lu times", depth, begun_at_depth[depth].load());
    if (begun_at_depth[depth] < 1000)
      fail("operations were begun %lu times at depth %zu", begun_at_depth[depth].load(), depth);
  }
  settings.log.line("%lu nolock allocations, %lu returned NULL", tally.nolock_tried.load(), tally.nolock_failed.load());
  if (entered < kLeastHooks) fail("operations were begun at %zu hooks only, %zu are asked for", entered, kLeastHooks);
}

int run(const Settings& settings) {
  require_malloc_in_mode(settings.mode);
  restrict_to_two_cpus();
  prepare_typed();
  for (size_t i = 0; i < kWorkers; ++i) workers[i].start(i, settings.seed);
  settings.log.line("mode %s, seed %lu", settings.mode, settings.seed);

  std::vector<std::unique_ptr<HookPoint>> points;
  for (const std::string& name : hook_names()) {
    points.push_back(std::make_unique<HookPoint>());
    points.back()->name = name;
    points.back()->hook = std::make_unique<Hook>(name.c_str(), at_hook, points.back().get());
  }
  // What libc keeps for threads that have ended is there from now on.
  storm_until(Clock::now() + std::chrono::milliseconds(300), settings.seed);
  Random random(settings.seed);
  release_all(random);
  const auto end = Clock::now() + std::chrono::seconds(settings.seconds);
  for (uint64_t storm = 0; Clock::now() < end; ++storm) {
    one_storm(std::min(end, Clock::now() + std::chrono::seconds(kMostSeconds)), settings.seed + (storm << 32));
  }
  report(settings, points);
  settings.log.line("ok");
  return 0;
}

}  // namespace
}  // namespace storm

int main(int argc, char** argv) {
  static constexpr support::Option kOptions[] = {
      support::kModeOption,
      {"--seconds", "S", "how long (default 5)"},
      {"--minutes", "M", "how long, instead"},
      support::kSeedOption,
      support::kLogOption,
  };
  const support::Arguments arguments(argc, argv, "Random operations at the hook points of the library, nested.",
                                     kOptions);
  const storm::Settings settings = {.mode = arguments.required("--mode"),
                                    .seconds = storm::seconds_of(arguments, 5),
                                    .seed = arguments.number("--seed", 1, 0),
                                    .log = support::Log(arguments)};
  support::explain_the_end();
  support::start_watchdog(2 * settings.seconds + 30);
  return storm::run(settings);
}
