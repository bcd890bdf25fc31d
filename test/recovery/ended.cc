// SPDX-License-Identifier: Apache-2.0
// Threads that end in the middle of malloc and free: cancelled at any instruction, or by pthread_exit behind a jump out of
// a handler. Nothing of theirs stays locked, and each has lost at most one block, beside the object that it had in hand.
//
// Their objects lie in places that they share, so that no thread takes more than one with it.
#include <pthread.h>
#include <reslab/reslab.h>
#include <setjmp.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>

#include "aftermath.h"
#include "failure.h"
#include "random.h"

namespace {

using namespace progress;
using namespace support;

constexpr uint64_t kQuickThreads = 600;  // of each kind of end
constexpr size_t kAtOnce = 3;
constexpr long kLongestLife = 400'000;  // nanoseconds
constexpr size_t kPlaces = 1024;
constexpr size_t kSizes[] = {16, 64, 192, 192, 256, 1024, 20'000};

std::atomic<void*> places[kPlaces];
std::atomic<uint64_t> seed;

void give_back(void* object, uint64_t random) {
  if (object == nullptr) return;
  expect(*static_cast<void* volatile*>(object) == object, "object %p was overwritten", object);
  *static_cast<void* volatile*>(object) = nullptr;
  (random & 1 ? reslab_free : reslab_free_nolock)(object);
}

// For ever. No frame here has anything to destroy: a cancelled thread's stack is unwound as far as there are tables.
[[noreturn]] void work_until_ended() {
  Random dice(seed.fetch_add(1, std::memory_order_relaxed));
  for (;;) {
    const uint64_t random = dice.next();
    std::atomic<void*>& place = places[random % kPlaces];
    if (random >> 20 & 1) {
      give_back(place.exchange(nullptr), random >> 21);
      continue;
    }
    void* object = reslab_malloc(kSizes[(random >> 32) % std::size(kSizes)]);
    expect(object != nullptr, "an allocation failed");
    *static_cast<void* volatile*>(object) = object;
    give_back(place.exchange(object), random >> 21);
  }
}

// --- two ways to end ---------------------------------------------------------------------------------------------------

void* be_cancelled(void*) {
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr);
  work_until_ended();
}

constexpr int kSignal = SIGUSR1;
thread_local sigjmp_buf out;
thread_local volatile sig_atomic_t may_jump;

void jump_out(int) {
  if (may_jump) siglongjmp(out, 1);
}

void* be_sent_out(void*) {
  if (sigsetjmp(out, 1) != 0) pthread_exit(nullptr);
  may_jump = 1;
  work_until_ended();
}

struct End {
  const char* name;
  void* (*live)(void*);
  void (*end)(pthread_t);
};

constexpr End kEnds[] = {
    {"cancelled", be_cancelled, [](pthread_t thread) { pthread_cancel(thread); }},
    {"sent out of a handler", be_sent_out, [](pthread_t thread) { pthread_kill(thread, kSignal); }},
};

// A signal that comes before the thread is ready to jump is lost: it gets another.
void end_and_join(const End& end, pthread_t thread) {
  constexpr timespec kShort = {.tv_sec = 0, .tv_nsec = 1'000'000};
  for (end.end(thread); pthread_tryjoin_np(thread, nullptr) != 0;) {
    nanosleep(&kShort, nullptr);
    if (end.live == be_sent_out) end.end(thread);
  }
}

void live_and_end(const End& end, Random& dice) {
  pthread_t threads[kAtOnce];
  for (pthread_t& thread : threads) {
    expect(pthread_create(&thread, nullptr, end.live, nullptr) == 0, "no thread can be made");
  }
  for (const pthread_t thread : threads) {
    const timespec life = {.tv_sec = 0, .tv_nsec = static_cast<long>(dice.below(kLongestLife))};
    nanosleep(&life, nullptr);
    end_and_join(end, thread);
  }
}

uint64_t end_threads(const Settings& settings, uint64_t most) {
  using Clock = std::chrono::steady_clock;
  Random dice(settings.seed);
  uint64_t ended = 0;
  const auto end = Clock::now() + std::chrono::duration<double>(settings.quick() ? 12 : 60 * settings.minutes);
  for (; ended < most && Clock::now() < end; ended += std::size(kEnds) * kAtOnce) {
    for (const End& one : kEnds) {
      set_stage(one.name);
      live_and_end(one, dice);
    }
  }
  for (std::atomic<void*>& place : places) give_back(place.exchange(nullptr), 0);
  return ended;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = read_settings(argc, argv, "threads that end in the middle of malloc and free");
  require(settings);
  set_scene("seed %llu", static_cast<unsigned long long>(settings.seed));
  limit_time(static_cast<unsigned>(60 + 60 * settings.minutes));
  signal(kSignal, jump_out);
  seed = settings.seed << 32;
  end_threads(settings, 1);  // what libc loads to unwind a thread, and keeps for threads that have ended
  static recovery::Aftermath aftermath(settings);

  const uint64_t ended = end_threads(settings, settings.quick() ? kQuickThreads : UINT64_MAX);
  expect(ended >= kQuickThreads / 10, "only %llu threads in the time", static_cast<unsigned long long>(ended));
  aftermath.expect_recovered({.fast = ended, .slow = ended});  // the object in hand, and the call
  settings.log.line("ok, %llu threads, seed %llu", static_cast<unsigned long long>(ended),
                    static_cast<unsigned long long>(settings.seed));
}
