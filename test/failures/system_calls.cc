// SPDX-License-Identifier: Apache-2.0
// Each system call that the library makes fails once, in turn, with each error it may have; and then it and all of its
// kind fail for ever. Results must be NULL and ENOMEM or a clean continuation, never a crash, a loss or a damage; once
// the kernel answers again, everything works again. For lesson 12 of docs/lessons.md.
#include <dlfcn.h>
#include <reslab/reslab.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

#include "arguments.h"
#include "before_library.h"
#include "cpus.h"
#include "failure.h"
#include "injector.h"
#include "ledger.h"
#include "log.h"
#include "mode.h"
#include "random.h"
#include "scenario.h"

namespace failures {

using namespace support;

namespace {

constexpr unsigned kSeconds = 30;  // for one trial, which takes tens of milliseconds

struct Shared {
  CallLog calls;
  uint32_t calls_disturbed;  // of these, in the first scenario
  Outcome disturbed;         // of the first scenario, while the failure is about
  Outcome restored;          // of the second, once it is over
};
Shared* shared;

// Where the trials happen. Under a limit of the address space the library looks at files and reserves piece by piece.
struct Place {
  const char* name;
  size_t address_space;  // limit in bytes; 0: none
};
constexpr Place kPlaces[] = {{"unlimited", 0}, {"limited", size_t{440} << 20}};

// --- one trial, in a child that has not called the library yet -------------------------------------------------------

void limit_address_space(size_t bytes) {
  const struct rlimit limit = {bytes, RLIM_INFINITY};
  if (bytes != 0 && setrlimit(RLIMIT_AS, &limit) != 0) fail("no limit can be set");
}

void expect_nothing_live() {
  static Ledger none, after;
  after.take();
  after.expect_same(none, "with nothing handed out");
  expect_sound_heap("with nothing handed out");
}

void try_one(const Place& place, const char* mode, const Injection& injection) {
  alarm(kSeconds);
  limit_address_space(place.address_space);
  intercept_calls_of(dlsym(RTLD_DEFAULT, "reslab_malloc"), &shared->calls);
  inject(injection);
  shared->disturbed = run_scenario(Upkeep::kYes);
  shared->calls_disturbed = shared->calls.count;
  stop_failing();
  shared->restored = run_scenario(Upkeep::kYes);
  require_mode(mode);
  expect_nothing_live();
  // One system call that fails costs one allocation at most; once all work, none.
  if (!injection.for_ever && shared->disturbed.refused > 1)
    fail("one failure has cost %u allocations", shared->disturbed.refused);
  if (shared->restored.refused > 0)
    fail("%u allocations are refused although the kernel answers again", shared->restored.refused);
}

// --- all of them -----------------------------------------------------------------------------------------------------

class Program {
 public:
  explicit Program(const Arguments& arguments) : arguments_(arguments), log_(arguments) {
    mode_ = arguments.text("--mode", nullptr);
    dice_ = arguments.number("--seed", 1);
  }

  int run() {
    stay_on_one_cpu();  // its system calls come in the same order each time then
    if (arguments_.has("--minutes")) return run_long();
    for (const Place& place : kPlaces) {
      if (!try_all(place, static_cast<uint32_t>(arguments_.number("--stride", 43)), Clock::time_point::max())) return 1;
    }
    return 0;
  }

 private:
  using Clock = std::chrono::steady_clock;

  // False: it has gone wrong; said why.
  bool trial(const Place& place, const Injection& injection) {
    *shared = {};
    const pid_t child = fork();
    if (child == 0) {
      try_one(place, mode_, injection);
      _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) fail("no child");
    ++trials_;
    refused_ += shared->disturbed.refused;
    if (status == 0) return true;
    const char* name = injection.ordinal == 0 ? "none" : call_name(shared->calls.number[injection.ordinal - 1]);
    log_.line("system_calls: FAILED: %s, call %u (%s) fails%s, error %u of its list: %s %d", place.name,
              injection.ordinal, name, injection.for_ever ? " for ever" : " once", injection.variant,
              WIFSIGNALED(status) ? "killed by signal" : "exit status",
              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return false;
  }

  // The system calls of an undisturbed run: what there is to fail.
  bool learn(const Place& place, CallLog& calls) {
    if (!trial(place, {0, false, 0})) return false;
    calls = shared->calls;
    calls.count = shared->calls_disturbed;
    if (shared->disturbed.refused != 0)
      fail("%u allocations are refused though nothing fails", shared->disturbed.refused);
    if (calls.count == 0 || calls.count > kMostCalls) fail("the scenario makes %u system calls", calls.count);
    return true;
  }

  // Every `stride`th trial, in the order of the calls; of those of the start, which is their only time, each error.
  std::vector<Injection> injections(const CallLog& calls, uint32_t stride) const {
    std::vector<Injection> due;
    const auto offset = static_cast<uint32_t>(dice_ % stride);
    uint32_t position = 0;
    for (uint32_t ordinal = 1; ordinal <= calls.count; ++ordinal) {
      const bool is_early = ordinal <= kEarly;
      for (uint32_t variant = 0; errors_of(calls.number[ordinal - 1])[variant] != 0; ++variant) {
        for (const bool for_ever : {false, true}) {
          const bool is_due = is_early ? !for_ever || variant == 0 : ++position % stride == offset;
          if (is_due || stride == 1) due.push_back({ordinal, for_ever, variant});
        }
      }
    }
    return due;
  }

  // In the long form in an order that the seed draws, so that another part comes first where there is no time for all.
  bool try_all(const Place& place, uint32_t stride, Clock::time_point deadline) {
    static CallLog calls;
    trials_ = refused_ = 0;
    if (!learn(place, calls)) return false;
    std::vector<Injection> due = injections(calls, stride);
    Random random(dice_);
    for (size_t i = due.size(); arguments_.has("--minutes") && i > 1; --i) std::swap(due[i - 1], due[random.below(i)]);
    uint32_t failed = 0;
    size_t tried = 0;
    for (; tried < due.size() && Clock::now() < deadline; ++tried) {
      if (!trial(place, due[tried])) return false;
      failed += shared->calls.failed > 0 ? 1 : 0;
    }
    log_.line(
        "%s: %u system calls of the library, %zu of %zu trials, in %u of them calls failed, %lu allocations refused",
        place.name, calls.count, tried, due.size(), failed, refused_);
    say_kinds(calls);
    failed_ += failed;
    if (Clock::now() >= deadline) return true;  // perhaps cut short: the whole run is judged at its end
    if (failed == 0) log_.line("system_calls: FAILED: nothing has failed");
    return failed > 0;
  }

  void say_kinds(const CallLog& calls) {
    for (uint32_t number = 0; number < 512; ++number) {
      uint32_t times = 0;
      for (uint32_t i = 0; i < calls.count; ++i) times += calls.number[i] == number ? 1 : 0;
      if (times > 0) log_.line("  %-18s %u", call_name(number), times);
    }
  }

  int run_long() {
    const auto minutes = arguments_.number("--minutes", 1);
    log_.line("system_calls: %lu minutes, seed %lu", minutes, dice_);
    const auto end = Clock::now() + std::chrono::minutes(minutes);
    for (; Clock::now() < end; ++dice_) {
      auto left = static_cast<int>(std::size(kPlaces));
      for (const Place& place : kPlaces) {
        const auto now = Clock::now();
        if (!try_all(place, 1, now + (end - now) / left--)) return 1;
      }
    }
    if (failed_ == 0) log_.line("system_calls: FAILED: nothing has failed in all that time");
    return failed_ > 0 ? 0 : 1;
  }

  static constexpr uint32_t kEarly = 18;  // calls of the start, and a few behind it

  const Arguments& arguments_;
  Log log_;
  const char* mode_;
  uint64_t dice_;
  uint64_t trials_ = 0, refused_ = 0;
  uint64_t failed_ = 0;  // trials in which calls failed, of all places
};

constexpr Option kOptions[] = {
    kModeOption,
    {"--quick", nullptr, "the first calls with all their errors, then one trial in 43 (the default)"},
    {"--stride", "N", "one trial in N"},
    {"--minutes", "M", "the long form: all trials, again and again"},
    {"--seed", "S", "which of the trials (default 1)"},
    kLogOption,
};

void run(int argc, char** argv) {
  const Arguments arguments(argc, argv, "Fails each system call of the library, one at a time.", kOptions);
  shared =
      static_cast<Shared*>(mmap(nullptr, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (shared == MAP_FAILED) fail("no shared memory");
  const int status = Program(arguments).run();
  fflush(stdout);
  _exit(status);
}

}  // namespace
}  // namespace failures

BEFORE_LIBRARY(failures::run);

int main() { support::fail("this program has ended before main"); }
