// SPDX-License-Identifier: Apache-2.0
// Lesson 3: deferred frees that nobody services end in out of memory. Objects cross from one thread to another, which
// frees them by nolock calls alone:
//
//   plain     one thread allocates by plain calls; no plain free anywhere
//   nolock    one thread allocates by nolock calls; no plain call of any kind
//   parted    as plain, but the freeing thread never allocates and stays on a CPU of its own, so that its list is
//             served by others or not at all (16)
//   phases    one size after the other, as much of each, all freed by nolock calls before the next: what was one
//             class's must become another's
//
// The resident size must stay within a few times of what is live at most, whatever the time.
#include <pthread.h>
#include <reslab/reslab.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "arguments.h"
#include "failure.h"
#include "ledger.h"
#include "log.h"
#include "mode.h"
#include "opaque.h"
#include "scenario.h"

namespace failures {

using namespace support;

namespace {

using Clock = std::chrono::steady_clock;

// --- from one thread to the other ------------------------------------------------------------------------------------

struct Parcel {
  void* object;
  uint32_t bytes;
  uint32_t mark;
};

// One producer, one consumer. Its length bounds what is live.
class Belt {
 public:
  bool put(const Parcel& parcel) {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_.load(std::memory_order_acquire) == kPlaces) return false;
    places_[head % kPlaces] = parcel;
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  bool get(Parcel& parcel) {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_acquire)) return false;
    parcel = places_[tail % kPlaces];
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  static constexpr size_t kPlaces = 4096;

 private:
  Parcel places_[kPlaces];
  alignas(64) std::atomic<uint64_t> head_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};
};
Belt belt;

std::atomic<bool> over{false};
std::atomic<uint64_t> allocated{0}, refused{0};

// --- the two threads -------------------------------------------------------------------------------------------------

struct Variant {
  const char* name;
  void* (*allocate)(size_t);
  bool apart;  // each thread on a CPU of its own
};

void* allocate_nolock(size_t bytes) { return reslab_malloc_nolock(bytes, RESLAB_GROW); }

constexpr Variant kVariants[] = {
    {"plain", reslab_malloc, false}, {"nolock", allocate_nolock, false}, {"parted", reslab_malloc, true}};

constexpr uint32_t kSizes[] = {16, 48, 64, 100, 400, 1000, 3000, 8192, 16384, 50'000};
constexpr size_t kLargestShare = 64;  // one in so many is of the two largest sizes

uint32_t next_size(uint64_t n) {
  const uint64_t dice = n * 0x9e3779b97f4a7c15 >> 40;
  return dice % kLargestShare == 0 ? kSizes[8 + dice / kLargestShare % 2] : kSizes[dice % 8];
}

void run_on_cpu(unsigned which) {
  cpu_set_t allowed, one;
  sched_getaffinity(0, sizeof allowed, &allowed);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || which-- > 0) continue;
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

void* produce(void* argument) {
  const Variant& variant = *static_cast<const Variant*>(argument);
  if (variant.apart) run_on_cpu(0);
  for (uint64_t n = 0; !over.load(std::memory_order_relaxed); ++n) {
    const uint32_t bytes = next_size(n);
    void* object = opaque(variant.allocate(bytes));
    if (object == nullptr) {
      refused.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    const auto mark = static_cast<uint32_t>(n);
    memcpy(object, &mark, sizeof mark);
    allocated.fetch_add(1, std::memory_order_relaxed);
    while (!belt.put({object, bytes, mark})) sched_yield();
  }
  return nullptr;
}

void* consume(void* argument) {
  const Variant& variant = *static_cast<const Variant*>(argument);
  if (variant.apart) run_on_cpu(1);
  for (Parcel parcel;;) {
    const bool last_look = over.load(std::memory_order_acquire);
    if (!belt.get(parcel)) {
      if (last_look) return nullptr;
      sched_yield();
      continue;
    }
    uint32_t mark;
    memcpy(&mark, parcel.object, sizeof mark);
    if (mark != parcel.mark) fail("an object of %u bytes was given out twice", parcel.bytes);
    reslab_free_nolock(opaque(parcel.object));
  }
}

// --- what is watched -------------------------------------------------------------------------------------------------

size_t resident_bytes() {
  size_t total = 0, resident = 0;
  FILE* file = fopen("/proc/self/statm", "re");
  if (file == nullptr || fscanf(file, "%zu %zu", &total, &resident) != 2) fail("the resident size is not known");
  fclose(file);
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// What the belt can hold, at an average that is rather too large, and the caches of two CPUs: some of each size.
constexpr size_t kBound = 96 << 20;

void watch(const Variant& variant, std::chrono::duration<double> length, const Log& log) {
  static Ledger before, after;
  before.take();
  over.store(false);
  allocated.store(0);
  refused.store(0);
  pthread_t producer, consumer;
  auto* argument = const_cast<Variant*>(&variant);
  if (pthread_create(&consumer, nullptr, consume, argument) != 0 ||
      pthread_create(&producer, nullptr, produce, argument) != 0)
    fail("no thread");
  size_t early = 0, most = 0;
  const auto begin = Clock::now();
  for (std::chrono::duration<double> age{0}; age < length; age = Clock::now() - begin) {
    usleep(20'000);
    const size_t now = resident_bytes();
    if (now > kBound) fail("%s: %zu MiB are resident, after %.1f s", variant.name, now >> 20, age.count());
    if (age < length / 4) early = now > early ? now : early;
    most = now > most ? now : most;
  }
  over.store(true, std::memory_order_release);
  pthread_join(producer, nullptr);
  pthread_join(consumer, nullptr);
  for (Parcel parcel; belt.get(parcel);) reslab_free_nolock(parcel.object);
  after.take();
  after.expect_same(before, variant.name);
  expect_sound_heap(variant.name);
  log.line("%-7s %9lu objects, %lu refused, resident at most %zu KiB in the first quarter, %zu KiB in all",
           variant.name, allocated.load(), refused.load(), early >> 10, most >> 10);
  if (allocated.load() < 10'000) fail("%s: too little was allocated to show anything", variant.name);
  if (refused.load() > allocated.load() / 1000) fail("%s: %lu allocations were refused", variant.name, refused.load());
  if (most > early + early / 2)
    fail("%s: the resident size grew from %zu to %zu KiB", variant.name, early >> 10, most >> 10);
}

// --- one size after the other ----------------------------------------------------------------------------------------

constexpr size_t kPhaseBytes = 12 << 20;
void* phase_objects[kPhaseBytes / 32];

void one_phase(size_t bytes) {
  const size_t n = kPhaseBytes / bytes;
  for (size_t i = 0; i < n; ++i) {
    phase_objects[i] = opaque(reslab_malloc_nolock(bytes, RESLAB_GROW));
    if (phase_objects[i] == nullptr) fail("phases: no memory for %zu bytes", bytes);
    memset(phase_objects[i], 1, bytes);
  }
  for (size_t i = 0; i < n; ++i) reslab_free_nolock(phase_objects[i]);
}

void watch_phases(const Log& log) {
  const size_t before = resident_bytes();
  size_t most = 0, phases = 0;
  for (size_t bytes = 32; bytes <= 100'000; bytes = bytes * 5 / 4 + 16, ++phases) {
    one_phase(bytes);
    const size_t now = resident_bytes();
    most = now > most ? now : most;
    if (now > before + 5 * kPhaseBytes) {
      fail("phases: %zu MiB are resident behind the phase of %zu bytes, and each has only %zu MiB", now >> 20, bytes,
           kPhaseBytes >> 20);
    }
  }
  expect_sound_heap("behind the phases");
  log.line("phases  %zu sizes of %zu MiB each, resident at most %zu KiB", phases, kPhaseBytes >> 20, most >> 10);
}

constexpr Option kOptions[] = {
    kModeOption,
    {"--quick", nullptr, "ten seconds in all (the default)"},
    {"--minutes", "M", "so long in all"},
    kIdleSeedOption,
    kLogOption,
};

}  // namespace
}  // namespace failures

int main(int argc, char** argv) {
  using namespace failures;
  const support::Arguments arguments(argc, argv, "Frees by nolock calls alone, and watches the resident size.",
                                     kOptions);
  const support::Log log(arguments);
  const char* mode = support::require_mode(arguments.text("--mode", nullptr));
  const std::chrono::duration<double> all(
      arguments.has("--minutes") ? 60.0 * static_cast<double>(arguments.number("--minutes", 1)) : 10.0);
  alarm(static_cast<unsigned>(all.count()) + 60);
  log.line("nolock_frees: mode %s, %.0f seconds", mode, all.count());
  watch_phases(log);
  for (const Variant& variant : kVariants) watch(variant, all / std::size(kVariants), log);
}
