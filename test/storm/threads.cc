// SPDX-License-Identifier: Apache-2.0
// Threads made and ended by the ten thousand leave nothing behind: caches belong to CPUs, so a thread that ends has
// nothing to return, and memory stays where the first thousand threads brought it.
//
// Each thread allocates, frees some, leaves some to others, frees what others left, and frees once more in the last
// destructor of its thread-specific data, after which nothing of it runs any more.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <thread>

#include "arguments.h"
#include "backtraces.h"
#include "failure.h"
#include "ledger.h"
#include "library.h"
#include "operations.h"

namespace storm {

using namespace support;

namespace {

constexpr size_t kAtOnce = kMaxWorkers;
constexpr size_t kWarmUp = 1000;
constexpr uint64_t kMostGrowth = 2 << 20;  // bytes; 20,000 threads may not leave 105 each

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

void make_and_end(size_t count) {
  for (size_t made = 0; made < count; made += kAtOnce) {
    std::thread threads[kAtOnce];
    for (size_t i = 0; i < kAtOnce; i++) threads[i] = std::thread(live_and_end, i, made + i);
    for (std::thread& thread : threads) thread.join();
  }
  Random random(count);
  slots.release_all(random);
}

uint64_t resident_bytes() {
  FILE* const file = fopen("/proc/self/statm", "r");
  unsigned long total, resident;
  if (file == nullptr || fscanf(file, "%lu %lu", &total, &resident) != 2) fail("cannot read /proc/self/statm");
  fclose(file);
  return uint64_t{resident} * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void require_bounded(const char* what, uint64_t before, uint64_t after) {
  printf("%s: %lu bytes after %zu threads, %lu at the end\n", what, before, kWarmUp, after);
  if (after > before + kMostGrowth) fail("%s grew by %lu bytes, at most %lu may be", what, after - before, kMostGrowth);
}

int run(const char* mode, size_t count) {
  static Ledger before, after;
  require_malloc_in_mode(mode);
  pthread_key_create(&last_object, free);

  make_and_end(kWarmUp);
  const uint64_t resident_before = resident_bytes();
  before.take();

  make_and_end(count);
  const uint64_t resident_after = resident_bytes();
  after.take();

  expect_sound_heap("with all threads ended");
  after.expect_same(before, "with all threads ended");
  require_bounded("resident memory", resident_before, resident_after);
  require_bounded("committed memory", before.stats().bytes_committed, after.stats().bytes_committed);
  require_bounded("metadata", before.stats().bytes_metadata, after.stats().bytes_metadata);
  puts("ok");
  return 0;
}

}  // namespace
}  // namespace storm

int main(int argc, char** argv) {
  static constexpr support::Option kOptions[] = {
      support::kModeOption,
      {"--threads", "N", "how many, beside those of the warm-up (default 20000)"},
      {"--limit", "SECONDS", "for all of it (default 60)"},
  };
  const support::Arguments arguments(argc, argv, "Threads made and ended by the ten thousand leave nothing behind.",
                                     kOptions);
  setlinebuf(stdout);  // a failure ends the process without flushing
  support::explain_the_end();
  support::start_watchdog(static_cast<unsigned>(arguments.number("--limit", 60)));
  return storm::run(arguments.required("--mode"), arguments.number("--threads", 20'000));
}
