// SPDX-License-Identifier: Apache-2.0
// Each try fails: at the k-th passing of each hook a rival takes what the operation was about to take, so that the
// compare-and-swap behind the hook fails (lessons 6, 7 and 12); and then at every passing, so that all tries of a loop
// are lost and what stands behind it has to do. Afterwards every object is where it belongs and the counters balance.
#include <reslab/reslab.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.h"
#include "base/for_tries.h"
#include "failure.h"
#include "hooks.h"
#include "ledger.h"
#include "log.h"
#include "mode.h"
#include "opaque.h"
#include "random.h"
#include "rival.h"
#include "scenario.h"

namespace failures {

using namespace support;

namespace {

constexpr unsigned kSeconds = 20;
constexpr uint32_t kMostHooks = 128;

struct Meddling {
  uint32_t hook;     // by number
  uint32_t passing;  // from 0; UINT32_MAX: none
  bool for_ever;     // then this one and all behind it
  Grip grip;
};

// Of one child, in memory that it shares with its parent.
struct Shared {
  uint32_t passed[kMostHooks];
  uint32_t lost[kMostHooks];  // tries: the same place passed again, with nothing in between but the rival
  uint32_t row[kMostHooks];   // of these, the most one after the other
  uint32_t moves;
};
Shared* shared;

// --- in the middle of operations -------------------------------------------------------------------------------------

Meddling meddling = {0, UINT32_MAX, false, Grip::kReturns};
bool rival_is_at_work;
bool armed;
uint32_t lost_in_a_row;
uint32_t last_hook = UINT32_MAX;  // where the rival struck last, if no other hook was passed since

// What a try at the frontier does on its way, in the layer below: passing it is not the end of that try.
bool is_part_of_a_try[kMostHooks];
constexpr std::string_view kPartOfATry = "extent_";

constexpr uint32_t kMostMoves = 2000;  // of one trial: the rival keeps memory

void at_hook(void* context) {
  if (!armed || rival_is_at_work) return;
  const auto hook = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(context));
  const uint32_t passing = shared->passed[hook]++;
  const bool within_a_try = is_part_of_a_try[hook] && last_hook != UINT32_MAX && last_hook != hook;
  if (within_a_try) return;
  lost_in_a_row = last_hook == hook ? lost_in_a_row + 1 : 0;
  if (lost_in_a_row > 0) ++shared->lost[hook];
  if (lost_in_a_row > shared->row[hook]) shared->row[hook] = lost_in_a_row;
  last_hook = UINT32_MAX;
  const bool strikes =
      hook == meddling.hook && (meddling.for_ever ? passing >= meddling.passing : passing == meddling.passing);
  if (!strikes || shared->moves == kMostMoves) return;
  ++shared->moves;
  rival_is_at_work = true;
  rival_moves(meddling.grip);
  rival_is_at_work = false;
  last_hook = hook;
}

// --- the operations --------------------------------------------------------------------------------------------------

struct Held {
  unsigned char* start;
  size_t bytes;
};
constexpr size_t kRun = 5 << 20;  // units of more than one word
Held held[4000];
size_t count;

void allocate(size_t bytes) {
  auto* start = static_cast<unsigned char*>(opaque(reslab_malloc(bytes)));
  if (start == nullptr) fail("a plain call for %zu bytes has failed by contention", bytes);
  memset(start, static_cast<int>(count % 251), 16);
  held[count++] = {start, bytes};
}

void release(void (*free)(void*)) {
  const Held last = held[--count];
  for (int i = 0; i < 16; ++i) {
    if (last.start[i] != count % 251) fail("an object of %zu bytes was given out twice", last.bytes);
  }
  free(opaque(last.start));
}

// Hits, refills from every source, overflows, deferred frees, runs, upkeep; nothing here may fail. `run_bytes` beyond
// what was there before makes the arena grow.
void operate(size_t run_bytes) {
  for (const size_t bytes : kContested) {
    const int n = bytes <= 64 ? 200 : bytes <= 16384 ? 40 : 4;
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < n; ++i) allocate(bytes);
      for (int i = 0; i < n; ++i) release(i % 3 == 0 ? reslab_free_nolock : reslab_free);
    }
  }
  for (int i = 0; i < 4; ++i) allocate(run_bytes);
  reslab_trim(0);
  allocate(1024);  // of a class of short slabs
  while (count > 0) release(reslab_free);
  reslab_flush_deferred();
}

// --- one trial, in a child -------------------------------------------------------------------------------------------

void expect_balance(const Ledger& before) {
  static Ledger after;
  reslab_flush_deferred();
  reslab_trim(0);
  after.take();
  after.expect_same(before, "with the rival gone");
  expect_sound_heap("with the rival gone");
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  if (stats.deferred_pending != 0) fail("%lu objects are still deferred", stats.deferred_pending);
  if (stats.deferred_pushed != stats.deferred_flushed) {
    fail("%lu objects were deferred, %lu came back", stats.deferred_pushed, stats.deferred_flushed);
  }
  if (stats.nolock_failures != rival_refusals()) {
    fail("%lu failures of nolock calls are counted, %lu were seen", stats.nolock_failures, rival_refusals());
  }
}

void try_one(const Meddling& wanted) {
  alarm(kSeconds);
  static Ledger before;
  reslab_free(opaque(reslab_malloc(1)));
  before.take();
  operate(kRun);  // there are free units from here on, and not only the frontier
  prepare_rival();
  meddling = wanted;
  armed = true;
  operate(16 * kRun);
  armed = false;
  dismiss_rival();
  operate(kRun);
  expect_balance(before);
}

// --- all of them -----------------------------------------------------------------------------------------------------

// The loops whose tries the rival can win; that it has won so many one after the other is a condition of passing. The
// last try of a loop is not followed by another, so it is seen as one less.
struct Loop {
  const char* hook;
  uint32_t least_row;
  const char* mode = nullptr;  // nullptr: both
};
constexpr Loop kLoops[] = {{"stack_push", reslab::kCasTries - 1},
                           {"stack_pop", reslab::kCasTries - 1},
                           {"deferred_push", reslab::kCasTries - 1},
                           {"deferred_pop", 1},
                           {"unit_claim", 1},
                           {"frontier", 1},
                           {"fallback_pop", 2, "fallback"},
                           {"fallback_push", 2, "fallback"}};

class Program {
 public:
  explicit Program(const Arguments& arguments)
      : arguments_(arguments), names_(support::hook_names()), log_(arguments), dice_(arguments.number("--seed", 1, 0)) {
    if (names_.size() > kMostHooks) fail("more hooks than there is room for");
    mode_ = require_mode(arguments.text("--mode", nullptr));
  }

  int run() {
    for (size_t i = 0; i < names_.size(); ++i) {
      is_part_of_a_try[i] = names_[i].starts_with(kPartOfATry);
      new support::Hook(names_[i].c_str(), at_hook, reinterpret_cast<void*>(i));  // for the life of the process
    }
    const auto minutes = arguments_.number("--minutes", 0, 0);
    const auto end = Clock::now() + std::chrono::minutes(minutes);
    constexpr uint32_t kQuickPassings = 6, kLongPassings = 64;
    log_.line("tries: mode %s, %lu minutes, seed %lu", mode_, minutes, arguments_.number("--seed", 1, 0));
    if (!try_all(kQuickPassings, Clock::time_point::max())) return 1;  // whole, however short the time is
    for (uint32_t passings = kLongPassings; Clock::now() < end; passings *= 2) {
      if (!try_all(passings, end)) return 1;
    }
    return won_every_loop() ? 0 : 1;
  }

 private:
  using Clock = std::chrono::steady_clock;

  // False: it has gone wrong; said how.
  bool trial(const Meddling& wanted) {
    *shared = {};
    const pid_t child = fork();
    if (child == 0) {
      try_one(wanted);
      _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) fail("no child");
    ++trials_;
    for (size_t i = 0; i < names_.size(); ++i) {
      lost_[i] += shared->lost[i];
      row_[i] = std::max(row_[i], shared->row[i]);
    }
    if (status == 0) return true;
    log_.line("tries: FAILED: at hook %s, passing %u%s, rival %s: %s %d", names_[wanted.hook].c_str(), wanted.passing,
              wanted.for_ever ? " and all behind it" : "", wanted.grip == Grip::kKeeps ? "keeps" : "returns",
              WIFSIGNALED(status) ? "killed by signal" : "exit status",
              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return false;
  }

  // What there is to try, up to so many passings of each hook, in an order that the seed draws.
  std::vector<Meddling> meddlings(uint32_t most_passings, uint32_t& hooks) {
    std::vector<Meddling> all;
    for (uint32_t hook = 0; hook < names_.size(); ++hook) {
      const uint32_t times = shared->passed[hook];
      hooks += times > 0 ? 1 : 0;
      const uint32_t step = times > most_passings ? times / most_passings : 1;
      for (const Grip grip : {Grip::kReturns, Grip::kKeeps}) {
        for (uint32_t passing = 0; passing < times; passing += step) all.push_back({hook, passing, false, grip});
        if (times > 0) all.push_back({hook, 0, true, grip});
      }
    }
    for (size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[dice_.below(i)]);
    return all;
  }

  bool try_all(uint32_t most_passings, Clock::time_point deadline) {
    if (!trial({0, UINT32_MAX, false, Grip::kReturns})) return false;
    uint32_t hooks = 0;
    size_t tried = 0;
    const std::vector<Meddling> all = meddlings(most_passings, hooks);
    for (; tried < all.size() && Clock::now() < deadline; ++tried) {
      if (!trial(all[tried])) return false;
    }
    log_.line("tries: up to %u passings of each hook: %u hooks of %zu passed, %zu of %zu trials, %lu in all",
              most_passings, hooks, names_.size(), tried, all.size(), trials_);
    return true;
  }

  bool won_every_loop() {
    bool all = true;
    for (const Loop& loop : kLoops) {
      if (loop.mode != nullptr && strcmp(loop.mode, mode_) != 0) continue;
      const auto i = static_cast<size_t>(std::find(names_.begin(), names_.end(), loop.hook) - names_.begin());
      if (i == names_.size()) fail("there is no hook %s", loop.hook);
      log_.line("  %-16s %6lu tries lost, at most %u in a row", loop.hook, lost_[i], row_[i]);
      if (row_[i] >= loop.least_row) continue;
      log_.line("tries: FAILED: at %s the rival was to win %u times in a row", loop.hook, loop.least_row);
      all = false;
    }
    return all;
  }

  const Arguments& arguments_;
  std::vector<std::string> names_;
  Log log_;
  const char* mode_;
  Random dice_;
  uint64_t trials_ = 0;
  uint64_t lost_[kMostHooks] = {};
  uint32_t row_[kMostHooks] = {};
};

constexpr Option kOptions[] = {
    kModeOption,
    {"--quick", nullptr, "six passings of each hook (the default)"},
    {"--minutes", "M", "the long form: 64, then ever more"},
    kSeedOption,
    kLogOption,
};

}  // namespace
}  // namespace failures

int main(int argc, char** argv) {
  using namespace failures;
  const support::Arguments arguments(argc, argv, "Makes each try of the library's lock-free loops fail.", kOptions);
  shared =
      static_cast<Shared*>(mmap(nullptr, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (shared == MAP_FAILED) support::fail("no shared memory");
  return Program(arguments).run();
}
