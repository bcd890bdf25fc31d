// SPDX-License-Identifier: Apache-2.0
// Threads made and ended by the ten thousand leave nothing behind: caches belong to CPUs, so a thread that ends has
// nothing to return. What the process needs for so many at once the first thousand have brought; what CPUs' caches hold
// comes and goes with chance, so that they are emptied before what is left is compared.
//
// Each thread allocates, frees some, leaves some to others, frees what others left, and frees once more in the last
// destructor of its thread-specific data, after which nothing of it runs any more. The long form makes as many as it
// can in its time.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "arguments.h"
#include "backtraces.h"
#include "failure.h"
#include "ledger.h"
#include "library.h"
#include "log.h"
#include "operations.h"

namespace storm {

using namespace support;

namespace {

constexpr size_t kAtOnce = kMaxWorkers;
constexpr size_t kWarmUp = 1000;
constexpr unsigned kGrace = 60;            // seconds, for what comes before and after the time that was asked for
constexpr uint64_t kMostLeft = 512 << 10;  // bytes; 20,000 threads may not leave 27 each
constexpr uint64_t kMostGrowth = 2 << 20;  // bytes, of what is set aside

Slots slots;
pthread_key_t last_object;

Object allocate_small(Random& random) {
  const size_t bytes = 1 + random.below(1024);
  void* const address = malloc(bytes);
  if (address == nullptr) fail("malloc(%zu) returned NULL", bytes);
  const Object object(address, bytes, static_cast<uint8_t>(random.next()));
  object.fill();
  return object;
}

void live_and_end(size_t place, uint64_t seed) {
  Random random(seed);
  pthread_setspecific(last_object, malloc(100));
  for (size_t i = 0; i < 16; i++) slots.leave(place, allocate_small(random), random);
  constexpr size_t kHeld = 128;  // past what a magazine of the larger sizes holds
  uint64_t held[kHeld];
  for (uint64_t& handle : held) handle = allocate_small(random).handle();
  for (const uint64_t handle : held) release(Object::from_handle(handle), random);
}

using Clock = std::chrono::steady_clock;

// How many threads: `count`, or fewer when `end` comes first.
size_t make_and_end(size_t count, uint64_t seed, Clock::time_point end = Clock::time_point::max()) {
  size_t made = 0;
  for (; made < count && Clock::now() < end; made += kAtOnce) {
    std::thread threads[kAtOnce];
    for (size_t i = 0; i < kAtOnce; i++) threads[i] = std::thread(live_and_end, i, seed + made + i);
    for (std::thread& thread : threads) thread.join();
  }
  Random random(seed);
  slots.release_all(random);
  return made;
}

uint64_t resident_bytes_without_caches() {
  reslab_trim(0);
  FILE* const file = fopen("/proc/self/statm", "r");
  unsigned long total, resident;
  if (file == nullptr || fscanf(file, "%lu %lu", &total, &resident) != 2) fail("cannot read /proc/self/statm");
  fclose(file);
  return uint64_t{resident} * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void require_bounded(const Log& log, const char* what, uint64_t before, uint64_t after, uint64_t most) {
  log.line("%s: %lu bytes after %zu threads, %lu at the end", what, before, kWarmUp, after);
  if (after > before + most) fail("%s grew by %lu bytes, at most %lu may be", what, after - before, most);
}

struct Settings {
  const char* mode;
  size_t threads;
  unsigned seconds;  // 0: as long as it takes
  uint64_t seed;
  Log log;
};

int run(const Settings& settings) {
  static Ledger before, after;
  require_malloc_in_mode(settings.mode);
  pthread_key_create(&last_object, free);

  const uint64_t first_seed = settings.seed << 32;
  make_and_end(kWarmUp, first_seed);
  const uint64_t resident_before = resident_bytes_without_caches();
  before.take();

  const auto end =
      settings.seconds == 0 ? Clock::time_point::max() : Clock::now() + std::chrono::seconds(settings.seconds);
  const size_t made = make_and_end(settings.seconds == 0 ? settings.threads : SIZE_MAX, first_seed + kWarmUp, end);
  const uint64_t resident_after = resident_bytes_without_caches();
  after.take();

  settings.log.line("mode %s, seed %lu: %zu threads", settings.mode, settings.seed, made);
  expect_sound_heap("with all threads ended");
  after.expect_same(before, "with all threads ended");
  require_bounded(settings.log, "resident memory", resident_before, resident_after, kMostLeft);
  require_bounded(settings.log, "committed memory", before.stats().bytes_committed, after.stats().bytes_committed,
                  kMostGrowth);
  require_bounded(settings.log, "metadata", before.stats().bytes_metadata, after.stats().bytes_metadata, kMostGrowth);
  settings.log.line("ok");
  return 0;
}

}  // namespace
}  // namespace storm

int main(int argc, char** argv) {
  static constexpr support::Option kOptions[] = {
      support::kModeOption,
      {"--threads", "N", "how many, beside those of the warm-up (default 20000)"},
      {"--limit", "SECONDS", "for all of it (default 60)"},
      {"--minutes", "M", "as many as can be made and ended in that time, instead"},
      support::kSeedOption,
      support::kLogOption,
  };
  const support::Arguments arguments(argc, argv, "Threads made and ended by the ten thousand leave nothing behind.",
                                     kOptions);
  const storm::Settings settings = {.mode = arguments.required("--mode"),
                                    .threads = arguments.number("--threads", 20'000),
                                    .seconds = arguments.has("--minutes") ? storm::seconds_of(arguments, 0) : 0,
                                    .seed = arguments.number("--seed", 1, 0),
                                    .log = support::Log(arguments)};
  support::explain_the_end();
  support::start_watchdog(settings.seconds > 0 ? settings.seconds + storm::kGrace
                                               : static_cast<unsigned>(arguments.number("--limit", 60)));
  return storm::run(settings);
}
