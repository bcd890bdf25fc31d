// SPDX-License-Identifier: Apache-2.0
// A reserve never fails within its count, whoever asks: threads that take from one reserve until it is empty, and
// handlers on top of them, which interrupt the very calls that take (guarantee 6 of docs/guarantees.md).
//
// Whoever takes draws a number first, and asks if that is below the count: so there are exactly as many calls as
// objects, from wherever, and none may return NULL. Round after round, with the reserve filled up in between, until
// handlers have taken enough of them.
#include <reslab/reslab.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "arguments.h"
#include "backtraces.h"
#include "failure.h"
#include "interrupted.h"
#include "ledger.h"
#include "library.h"
#include "library_map.h"
#include "log.h"
#include "random.h"
#include "thread_timer.h"

namespace nolock {

using namespace support;

namespace {

constexpr size_t kThreads = 4;
constexpr size_t kCount = 4000;
constexpr size_t kEachSignal = 8;
constexpr size_t kBytes[] = {48, 192, 5000};
constexpr long kPeriodNanoseconds = 20'000;

reslab_reserve* reserve;
size_t bytes;
void* taken[kCount];  // by number
std::atomic<size_t> next_number{0};
std::atomic<uint64_t> by_handlers{0}, inside{0}, missing{0};
const LibraryMap* library;

// False: all have been taken.
bool take_one() {
  const size_t number = next_number.fetch_add(1, std::memory_order_relaxed);  // only who may ask
  if (number >= kCount) return false;
  taken[number] = reslab_reserve_alloc(reserve, bytes, RESLAB_NORETRY);
  if (taken[number] == nullptr) missing.fetch_add(1, std::memory_order_relaxed);
  else *static_cast<void* volatile*>(taken[number]) = taken[number];
  return true;
}

void take_in_handler(int, siginfo_t*, void* context) {
  if (library->contains(interrupted_pc(context))) inside.fetch_add(1, std::memory_order_relaxed);
  for (size_t i = 0; i < kEachSignal && take_one(); i++) by_handlers.fetch_add(1, std::memory_order_relaxed);
}

void take_all() {
  next_number.store(0, std::memory_order_relaxed);
  std::thread threads[kThreads];
  for (std::thread& thread : threads) {
    thread = std::thread([] {
      const ThreadTimer timer(SIGRTMIN, kPeriodNanoseconds);
      while (take_one()) {}
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void check_and_free() {
  expect(missing == 0, "%lu of %zu objects of %zu bytes were missing", missing.load(), kCount, bytes);
  for (void* object : taken) {
    expect(*static_cast<void* volatile*>(object) == object, "%p was given out twice, or overwritten", object);
    *static_cast<void* volatile*>(object) = nullptr;
    reslab_free(object);
  }
}

// Until handlers have taken `least`. Returns in how many rounds.
uint64_t empty_and_refill(size_t size, uint64_t least) {
  bytes = size;
  by_handlers = inside = 0;
  reserve = reslab_reserve_create(bytes, kCount);
  expect(reserve != nullptr, "no memory for a reserve of %zu objects of %zu bytes", kCount, bytes);
  uint64_t rounds = 0;
  while (by_handlers < least || inside == 0) {
    if (rounds++ > 0) expect(reslab_reserve_refill(reserve) == 0, "the reserve cannot be refilled");
    take_all();
    check_and_free();
  }
  expect(reslab_reserve_destroy(reserve) == 0, "the reserve cannot be destroyed");
  return rounds;
}

void install_handler() {
  struct sigaction action = {};
  action.sa_sigaction = take_in_handler;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGRTMIN, &action, nullptr);
}

void run(const char* mode, uint64_t least, const Log& log) {
  static Ledger before, after;  // too large for a stack
  storm::require_malloc_in_mode(mode);
  static const LibraryMap map = LibraryMap::of("reslab_malloc_nolock");
  library = &map;
  install_handler();
  log.line("mode %s", mode);
  empty_and_refill(kBytes[0], 1);  // what libc keeps for threads that have ended is there from now on
  before.take();
  for (const size_t size : kBytes) {
    const uint64_t rounds = empty_and_refill(size, least);
    log.line("%zu bytes: %lu rounds of %zu objects, %lu taken by handlers, of which %lu had interrupted the library",
             size, rounds, kCount, by_handlers.load(), inside.load());
  }
  after.take();
  after.expect_same(before, "with all objects freed");
  expect_sound_heap("with all objects freed");
  log.line("ok");
}

}  // namespace
}  // namespace nolock

int main(int argc, char** argv) {
  static constexpr support::Option kOptions[] = {
      support::kModeOption,
      {"--by-handlers", "N", "how many objects of each size handlers are to take (default 2000)"},
      {"--limit", "SECONDS", "for all of it (default 60)"},
      support::kLogOption,
  };
  const support::Arguments arguments(argc, argv, "A reserve never fails within its count, whoever asks.", kOptions);
  support::explain_the_end();
  support::start_watchdog(static_cast<unsigned>(arguments.number("--limit", 60)));
  nolock::run(arguments.required("--mode"), arguments.number("--by-handlers", 2000), support::Log(arguments));
}
