// SPDX-License-Identifier: Apache-2.0
// platform/rseq.h: what the kernel promises of sections, in full (43). A signal aborts the section before its handler
// runs, the membarrier fence aborts sections on other CPUs, and so does preemption on the same CPU. Seconds of brute
// force, since none of it can be provoked at a chosen instruction from here. For lesson 5 of docs/lessons.md.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "platform/rseq.h"
#include "support/regions.h"
#include "support/thread_timer.h"

// The linker's bounds of the section that holds every descriptor.
struct RseqDescriptor {
  uint32_t version, flags;
  uint64_t start, bytes, abort;
};
extern "C" RseqDescriptor __start___rseq_cs[];
extern "C" RseqDescriptor __stop___rseq_cs[];

namespace reslab {
namespace {

using std::chrono::steady_clock;

constexpr ClassId kClass = 1;  // the class with the most slots: its batches are the longest sections
const uint32_t begin = class_info(kClass).begin;
constexpr uint32_t kTokens = 1000;
constexpr auto kSeconds = std::chrono::seconds(2);
constexpr uint64_t kEnoughAborts = 100;
constexpr auto kMoment = std::chrono::milliseconds(1);
constexpr auto kPatience = std::chrono::seconds(20);  // for what depends on how busy the machine is

// Each token is in the magazine, or with one owner.
std::array<std::atomic<int>, kTokens> owned;
std::atomic<uint64_t> owned_twice;
std::atomic<uint64_t> aborts;

void own(void* const* tokens, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i) owned_twice += owned[unit::token_number(tokens[i])].exchange(1) != 0 ? 1 : 0;
}

void disown(void* const* tokens, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i) owned[unit::token_number(tokens[i])].store(0);
}

// Takes up to `most` tokens and puts them back; in between they are the caller's, which `while_out` sees.
template <class WhileOut>
void take_and_put_back(void** hand, uint32_t most, WhileOut while_out) {
  const BatchResult taken = section_pop_batch(kClass, begin, hand, most);
  if (taken.section == Section::kAborted) ++aborts;
  while_out(hand, taken.count);
  for (uint32_t put = 0; put < taken.count;) {  // ends: there is room, and aborts come from outside
    const BatchResult result = section_push_batch(kClass, hand + put, taken.count - put);
    if (result.section == Section::kAborted) ++aborts;
    put += result.count;
  }
}

// Owns a few of them meanwhile, not all: most of the time is to be spent in sections.
void own_and_put_back(void** hand, uint32_t most) {
  take_and_put_back(hand, most, [](void** taken, uint32_t n) {
    const uint32_t few = std::min(n, 8u);
    own(taken, few);
    disown(taken, few);
  });
}

// At least kSeconds, and on a busy machine until enough sections were aborted for the test to mean anything.
bool is_over(steady_clock::time_point start) {
  const auto spent = steady_clock::now() - start;
  return spent > kPatience || (spent > kSeconds && aborts >= kEnoughAborts);
}

class AbortTest : public unit::OwnRegions {
 protected:
  void SetUp() override {
    unit::OwnRegions::SetUp();
    for (uint32_t slot = 0; slot < slots(); ++slot) {
      header(slot, kClass).store(header_of(begin, begin + class_info(kClass).magazine));
    }
    // All in the first region; threads that run on another find it empty.
    for (uint32_t i = 0; i < kTokens; ++i) words(0)[begin + i] = reinterpret_cast<uint64_t>(unit::token(i));
    header(0, kClass).store(header_of(begin + kTokens, begin + class_info(kClass).magazine));
    for (auto& owner : owned) owner.store(0);
    owned_twice = 0;
    aborts = 0;
  }

  // Some in each region, for a thread that may be on any of them for good.
  void spread_tokens() {
    std::vector<uint32_t> held(slots(), 0);
    for (uint32_t i = 0; i < kTokens; ++i) {
      const uint32_t slot = i % slots();
      words(slot)[begin + held[slot]++] = reinterpret_cast<uint64_t>(unit::token(i));
    }
    for (uint32_t slot = 0; slot < slots(); ++slot) {
      header(slot, kClass).store(header_of(begin + held[slot], begin + class_info(kClass).magazine));
    }
  }

  void expect_every_token_once() {
    EXPECT_EQ(owned_twice.load(), 0u);
    std::array<uint32_t, kTokens> seen = {};
    for (uint32_t slot = 0; slot < slots(); ++slot) {
      for (uint32_t i = begin; i < header_top(header(slot, kClass).load()); ++i) {
        ++seen[unit::token_number(reinterpret_cast<void*>(words(slot)[i]))];
      }
    }
    for (uint32_t i = 0; i < kTokens; ++i) EXPECT_EQ(seen[i], 1u) << "token " << i;
  }
};

bool inside_a_section(uintptr_t pc) {
  for (const RseqDescriptor* one = __start___rseq_cs; one != __stop___rseq_cs; ++one) {
    if (pc - one->start < one->bytes) return true;
  }
  return false;
}

std::atomic<uint64_t> signals, signals_inside;

// Changes the very magazine whose section it may have interrupted.
void on_signal(int, siginfo_t*, void* context) {
  ++signals;
  const auto pc = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
  if (inside_a_section(static_cast<uintptr_t>(pc))) ++signals_inside;
  void* hand[3];
  own_and_put_back(hand, 3);
}

TEST_F(AbortTest, ASignalAbortsTheSectionBeforeItsHandlerRuns) {
  signals = signals_inside = 0;
  struct sigaction action = {}, kept;
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGUSR1, &action, &kept);

  const auto start = steady_clock::now();
  const unit::ThreadTimer timer(SIGUSR1, 50000);  // nanoseconds
  void* hand[kTokens];
  while (!is_over(start)) own_and_put_back(hand, kTokens);
  timer.stop();
  sigaction(SIGUSR1, &kept, nullptr);

  EXPECT_GE(signals.load(), 1000u);
  EXPECT_EQ(signals_inside.load(), 0u) << "a handler saw a program counter inside a section";
  EXPECT_GE(aborts.load(), kEnoughAborts);
  expect_every_token_once();
}

TEST_F(AbortTest, TheFenceAbortsSectionsThatAreInFlightOnOtherCpus) {
  if (unit::allowed_cpus().size() < 2) GTEST_SKIP() << "needs two CPUs";
  constexpr int64_t kEnough = 1000;
  ASSERT_TRUE(register_rseq_fence());
  spread_tokens();
  std::atomic<bool> done{false};
  // On a CPU each: on a busy machine they would be left on one for long, where only preemption aborts anything.
  const std::vector<int> cpus = unit::allowed_cpus();
  const unit::Pinned fencer(cpus.back());
  std::thread victim([&] {
    const unit::Pinned pinned(cpus.front());
    void* hand[kTokens];
    const auto deadline = steady_clock::now() + kPatience;
    // No signals here: what preemptions, and migrations with them, did not abort, fences did. Counted over short times,
    // most of which see no preemption even on a busy machine.
    int64_t by_fences = 0;
    while (by_fences < kEnough && steady_clock::now() < deadline) {
      const int64_t aborts_before = static_cast<int64_t>(aborts.load()), preemptions_before = unit::preemptions();
      for (int i = 0; i < 1000; ++i) take_and_put_back(hand, kTokens, [](void**, uint32_t) {});
      const int64_t surely =
          static_cast<int64_t>(aborts.load()) - aborts_before - (unit::preemptions() - preemptions_before);
      by_fences += surely > 0 ? surely : 0;
    }
    EXPECT_GE(by_fences, kEnough);
    done = true;
  });
  while (!done) EXPECT_TRUE(rseq_fence());
  victim.join();
  expect_every_token_once();
}

// Two threads on one CPU share a region. One of them sleeps for moments and so preempts the other at any instruction.
TEST_F(AbortTest, PreemptionOnTheSameCpuLosesNoUpdate) {
  const int cpu = unit::allowed_cpus().front();
  std::atomic<bool> stop{false};
  std::thread sleeper([&] {
    const unit::Pinned pinned(cpu);
    void* hand[3];
    while (!stop) {
      const struct timespec moment = {0, 20000};
      nanosleep(&moment, nullptr);
      own_and_put_back(hand, 3);
    }
  });
  std::thread runner([&] {
    const unit::Pinned pinned(cpu);
    void* hand[kTokens];
    while (!stop) own_and_put_back(hand, kTokens);
    EXPECT_GT(unit::preemptions(), 100);
  });
  for (const auto start = steady_clock::now(); !is_over(start);) std::this_thread::sleep_for(kMoment);
  stop = true;
  sleeper.join();
  runner.join();
  EXPECT_GE(aborts.load(), kEnoughAborts);
  expect_every_token_once();
}

TEST_F(AbortTest, ThreadsThatMigrateLoseNothing) {
  const std::vector<int> cpus = unit::allowed_cpus();
  std::atomic<bool> stop{false};
  std::array<std::thread, 3> threads;
  for (std::thread& thread : threads) {
    thread = std::thread([&] {
      void* hand[kTokens];
      while (!stop) own_and_put_back(hand, kTokens);
    });
  }
  const auto start = steady_clock::now();
  for (size_t move = 0; !is_over(start); ++move) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpus[move / threads.size() % cpus.size()], &one);
    pthread_setaffinity_np(threads[move % threads.size()].native_handle(), sizeof one, &one);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(aborts.load(), kEnoughAborts);
  expect_every_token_once();
}

}  // namespace
}  // namespace reslab
