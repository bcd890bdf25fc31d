// SPDX-License-Identifier: Apache-2.0
#include "jumper.h"

#include <reslab/reslab.h>
#include <setjmp.h>
#include <signal.h>

#include <atomic>
#include <chrono>

#include "failure.h"
#include "interrupted.h"
#include "random.h"
#include "thread_timer.h"

namespace recovery {
namespace {

using support::expect;
using support::Random;

constexpr long kPeriodNanoseconds = 30'000;
constexpr size_t kObjects = 512;
constexpr size_t kSizes[] = {16, 48, 64, 112, 192, 192, 192, 256, 1024, 4096, 20'000};
constexpr size_t kRunBytes = 300'000;
constexpr uint64_t kRunUnits = 5;
constexpr uint64_t kSmallForEachRun = 200;  // what a jump loses of a run is a whole run

const support::LibraryMap* code;
std::atomic<uint64_t> jumps_of_all;

struct Jumper {
  sigjmp_buf back;
  volatile sig_atomic_t armed;
  volatile sig_atomic_t is_at_run;  // what the call is about that is left is a large block
  Jumps jumps;
  void* objects[kObjects];
  volatile bool is_run[kObjects];
};
thread_local Jumper self;

void on_signal(int, siginfo_t*, void* context) {
  const uintptr_t pc = support::interrupted_pc(context);
  if (self.armed == 0 || !code->contains(pc)) return;
  self.armed = 0;
  ++(code->is_entry_point(pc) ? self.jumps.fast : self.jumps.slow);
  if (self.is_at_run != 0) self.jumps.run_units += kRunUnits;
  jumps_of_all.fetch_add(1, std::memory_order_relaxed);
  siglongjmp(self.back, 1);
}

// No signal is masked in the handler, so none has to be unmasked by the jump: with no system call on the way, more of
// the time is the library's, and more of the signals hit there. One that interrupts the handler finds itself outside.
void install_handler() {
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER;
  sigaction(SIGRTMIN, &action, nullptr);
}

void stamp(void* object) {
  expect(object != nullptr, "an allocation failed");
  *static_cast<void* volatile*>(object) = object;
}

void* checked(void* object) {
  expect(*static_cast<void* volatile*>(object) == object, "object %p was overwritten", object);
  *static_cast<void* volatile*>(object) = nullptr;
  return object;
}

void* allocate(uint64_t random, bool run) {
  const size_t bytes = run ? kRunBytes : kSizes[random / kSmallForEachRun % std::size(kSizes)];
  if (random >> 32 & 1) return reslab_malloc(bytes);
  void* object = reslab_malloc_nolock(bytes, RESLAB_GROW);
  return object != nullptr ? object : reslab_malloc(bytes);
}

// An object is out of its place before it is freed, and in it after it has been allocated: what a jump leaves is whole.
void one_operation(uint64_t random) {
  const size_t at = random % kObjects;
  void* volatile& place = self.objects[at];
  void* object = place;
  if (object == nullptr) {
    const bool run = (random >> 16) % kSmallForEachRun == 0;
    self.is_at_run = run;
    object = allocate(random >> 16, run);
    stamp(object);
    self.is_run[at] = run;
    place = object;
    return;
  }
  self.is_at_run = self.is_run[at];
  place = nullptr;
  checked(object);
  (random >> 16 & 1 ? reslab_free : reslab_free_nolock)(object);
}

// Runs of allocations and of frees, for refills and flushes; single operations between them.
void some_operations(Random& dice) {
  const uint64_t random = dice.next();
  const size_t count = 1 + random % 128;
  for (size_t i = 0; i < count; ++i) one_operation(dice.next());
}

}  // namespace

Jumps jump_about(const support::LibraryMap& library, uint64_t seed, uint64_t least, double seconds) {
  using Clock = std::chrono::steady_clock;
  code = &library;
  install_handler();
  volatile uint64_t state = seed;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  {
    const support::ThreadTimer timer(SIGRTMIN, kPeriodNanoseconds);
    while (jumps_of_all.load(std::memory_order_relaxed) < least || Clock::now() < end) {
      if (sigsetjmp(self.back, 0) == 0) {
        self.armed = 1;
        Random dice(state);
        some_operations(dice);
      }
      self.armed = 0;
      state = state + 1;
    }
  }
  for (void*& object : self.objects) {
    if (object != nullptr) reslab_free(checked(object));
    object = nullptr;
  }
  return self.jumps;
}

}  // namespace recovery
