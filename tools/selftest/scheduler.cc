// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <time.h>

#include <array>
#include <atomic>
#include <thread>

#include "selftest/cpus.h"
#include "selftest/trial.h"

namespace reslab::selftest {
namespace {

constexpr uint64_t kEnoughPreemptions = 100;
constexpr uint64_t kEnoughMigrations = 20;  // fewer, since on a busy machine they are rare
constexpr uint32_t kLookEvery = 256;        // rounds: to look costs a system call
constexpr auto kMoment = std::chrono::milliseconds(1);
constexpr struct timespec kNap = {0, 20000};

// What threads count and their maker reads meanwhile: relaxed, and exact when they were joined.
struct Shared {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> events{0};

  bool is_stopped() const { return stop.load(std::memory_order_relaxed); }
  uint64_t seen() const { return events.load(std::memory_order_relaxed); }
};

// Preempts the runner at any instruction whenever it wakes.
void sleep_and_work(Stress& stress, const Shared& shared, int cpu) {
  const Pinned pinned(cpu);
  Hand hand;
  while (!shared.is_stopped() || hand.count != 0) {  // ends: what it has it puts back
    nanosleep(&kNap, nullptr);
    stress.take_or_put_back(hand);
  }
}

void be_preempted(Stress& stress, Shared& shared, int cpu) {
  const Pinned pinned(cpu);
  const long before = preemptions();
  for (uint32_t round = 0; !shared.is_stopped(); ++round) {
    stress.own_and_put_back(Stress::kBatch);
    if (round % kLookEvery != 0) continue;
    shared.events.store(static_cast<uint64_t>(preemptions() - before), std::memory_order_relaxed);
  }
}

void be_moved(Stress& stress, Shared& shared, ptrdiff_t cpu_field) {
  uint32_t cpu = word_of_this_thread(cpu_field);
  while (!shared.is_stopped()) {
    stress.own_and_put_back(Stress::kBatch);
    const uint32_t now = word_of_this_thread(cpu_field);
    if (now != cpu) shared.events.fetch_add(1, std::memory_order_relaxed);
    cpu = now;
  }
}

void move_to(std::thread& thread, int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  pthread_setaffinity_np(thread.native_handle(), sizeof one, &one);
}

bool goes_on(const Trial& trial, const Shared& shared, uint64_t enough) {
  return !trial.is_over(shared.seen(), enough) && !trial.is_hopeless(shared.seen());
}

}  // namespace

// Two threads on one CPU share a region.
Outcome check_preemption(const CpuSetup& setup, Duration duration) {
  Trial trial(setup, duration);
  if (!trial.is_ready()) return without_memory();
  const int cpu = allowed_cpus().front();
  Shared shared;
  std::thread sleeper([&] { sleep_and_work(trial.stress(), shared, cpu); });
  std::thread runner([&] { be_preempted(trial.stress(), shared, cpu); });
  while (goes_on(trial, shared, kEnoughPreemptions)) std::this_thread::sleep_for(kMoment);
  shared.stop.store(true, std::memory_order_relaxed);
  sleeper.join();
  runner.join();
  return trial.finish("preemptions", shared.seen(), kEnoughPreemptions);
}

Outcome check_migration(const CpuSetup& setup, Duration duration) {
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.size() < 2) return skipped("one CPU only: there is no other one to move to");
  Trial trial(setup, duration);
  if (!trial.is_ready()) return without_memory();
  Shared shared;
  std::array<std::thread, 3> threads;
  for (std::thread& thread : threads) {
    thread = std::thread([&] { be_moved(trial.stress(), shared, setup.rseq_offset + kCpuIdField); });
  }
  for (size_t move = 0; goes_on(trial, shared, kEnoughMigrations); ++move) {
    move_to(threads[move % threads.size()], cpus[move / threads.size() % cpus.size()]);
    nanosleep(&kNap, nullptr);  // that they get on
  }
  shared.stop.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads) thread.join();
  return trial.finish("migrations", shared.seen(), kEnoughMigrations);
}

}  // namespace reslab::selftest
