// SPDX-License-Identifier: Apache-2.0
// Every interleaving of small cases: see scheduler.h and explorer.h. For lessons 11 and 16 of docs/lessons.md.
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "before_library.h"
#include "cases/cases.h"
#include "cpus.h"
#include "explorer.h"
#include "log.h"
#include "random.h"
#include "scheduler.h"

namespace schedules {
namespace {

using support::Arguments;
using support::Log;

std::vector<const Case*> all_cases() {
  std::vector<const Case*> all;
  for (const auto part : {cache_cases(), slab_cases(), arena_cases(), magazine_cases(), root_cases()}) {
    for (const Case& one : part) all.push_back(&one);
  }
  return all;
}

constexpr char kSummary[] =
    "Plays every schedule of small cases of two or three threads, up to a number of preemptions.";
constexpr support::Option kOptions[] = {
    // constant: read before any constructor has run
    support::kModeOption,
    {"--case", "NAME", "this case only"},
    {"--list", nullptr, "the names of the cases, and what they are"},
    {"--cases-are", "NAMES", "fail unless these, with commas between them, are all the cases"},
    {"--quick", nullptr, "two threads, each case's own bound (the default)"},
    {"--bound", "N", "preemptions, instead of the case's own"},
    {"--threads", "2|3", "how many threads"},
    {"--repeat", "N", "how often each thread does what it does"},
    {"--limit", "SECONDS", "for each case (default 45); a case that is not done by then fails"},
    {"--minutes", "M", "the long form: higher bounds, a third thread, longer sequences, then random schedules"},
    {"--seed", "S", "for the random schedules (default 1)"},
    {"--full", nullptr, "two threads, then three, up to the bounds that the case has for that"},
    {"--plainly", nullptr, "play each schedule to its end, also behind states that another has come to"},
    {"--compare", nullptr, "both ways, and fail unless they come to the same ends"},
    {"--replay", "CHOICES", "one schedule of one case, as a failure has printed it"},
    support::kLogOption,
};

// Of this process, which plays one case, and its children.
double cpu_seconds() {
  double sum = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    struct rusage used = {};
    getrusage(who, &used);
    for (const timeval& one : {used.ru_utime, used.ru_stime}) {
      sum += static_cast<double>(one.tv_sec) + static_cast<double>(one.tv_usec) / 1e6;
    }
  }
  return sum;
}

class Program {
 public:
  explicit Program(const Arguments& arguments) : arguments_(arguments), log_(arguments) {
    const char* options = getenv("RESLAB_OPTIONS");
    const bool fallback = options != nullptr && strstr(options, "mode=fallback") != nullptr;
    mode_ = arguments.text("--mode", fallback ? "fallback" : "rseq");  // each schedule looks whether that is so
    settings_.rseq = strcmp(mode_, "rseq") == 0;
    settings_.threads = static_cast<int>(arguments.number("--threads", 2, 2));
    settings_.repeat = static_cast<int>(arguments.number("--repeat", 1));
    choose_cases();
  }

  // Of those before the library's first call, or of the others.
  bool has_cases(bool first_calls) const {
    return std::any_of(cases_.begin(), cases_.end(), [&](const Case* one) { return one->first_calls == first_calls; });
  }

  int run(bool first_calls) {
    support::stay_on_one_cpu();
    prepare(settings_, first_calls);
    first_tenths_ = !has_cases(false) ? 10 : has_cases(true) ? 1 : 0;
    std::erase_if(cases_, [&](const Case* one) { return one->first_calls != first_calls; });
    if (arguments_.has("--replay")) return replay();
    return arguments_.has("--minutes") ? run_long(first_calls) : run_quick();
  }

 private:
  void choose_cases() {
    const char* name = arguments_.text("--case", nullptr);
    for (const Case* one : all_cases()) {
      if (name == nullptr || strcmp(name, one->name) == 0) cases_.push_back(one);
    }
    if (cases_.empty()) arguments_.refuse("--case", "names no case; --list lists them");
    if (arguments_.has("--replay") && name == nullptr) arguments_.refuse("--replay", "wants a --case");
  }

  // Sets the case up in a process of its own, where `work` then plays it. False: it has failed.
  template <class Work>
  bool play_case(const Case& one, Work work) {
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      set_up(one, settings_);
      const bool passed = work();
      fflush(stdout);
      _exit(passed ? 0 : 1);
    }
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
  }

  int replay() {
    const Case& one = *cases_[0];
    const bool passed = play_case(one, [&] {
      const Summary summary = Explorer(one, settings_).replay(arguments_.text("--replay", ""));
      if (!summary.failure.empty()) log_.line("%s", summary.failure.c_str());
      return summary.failure.empty();
    });
    return passed ? 0 : 1;
  }

  // False: it has failed.
  bool report(const Case& one, const char* how, const Summary& summary, Clock::time_point began) {
    const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
    log_.line(
        "%s/%s: %s, %d threads, %d times: %lu schedules%s, %lu merged, %lu states, %lu ends, deepest %u, %.1f s, "
        "%.1f s of CPU",
        one.name, mode_, how, settings_.threads, settings_.repeat, summary.schedules, summary.exhausted ? " (all)" : "",
        summary.merged, summary.states, summary.ends, summary.deepest, seconds, cpu_seconds());
    if (summary.failure.empty()) return true;
    log_.line("schedules: FAILED: %s/%s: %s", one.name, mode_, summary.failure.c_str());
    return false;
  }

  bool explore(const Case& one, unsigned bound, std::chrono::duration<double> limit, bool must_end) {
    const auto began = Clock::now();
    const auto deadline = began + std::chrono::duration_cast<Clock::duration>(limit);
    const bool merging = !arguments_.has("--plainly");
    Explorer explorer(one, settings_);
    const Summary summary = explorer.explore(bound, deadline, merging);
    const std::string how = std::string("up to ").append(std::to_string(bound)).append(" preemptions");
    if (!report(one, how.c_str(), summary, began)) return false;
    if (must_end && !summary.exhausted)
      log_.line("schedules: FAILED: %s/%s: there is more to play, time is up", one.name, mode_);
    if (arguments_.has("--compare")) return compare(one, summary, explorer.explore(bound, deadline, false), began);
    return summary.exhausted || !must_end;
  }

  // Where schedules end that are all played out, those must have ended that were merged.
  bool compare(const Case& one, const Summary& merged, const Summary& plain, Clock::time_point began) {
    if (!report(one, "the same, played out", plain, began)) return false;
    if (plain.exhausted && merged.exhausted && plain.ends == merged.ends && plain.end_sum == merged.end_sum)
      return true;
    log_.line("schedules: FAILED: %s/%s: merged schedules have come to other ends", one.name, mode_);
    return false;
  }

  int run_quick() {
    const std::chrono::duration<double> limit(static_cast<double>(arguments_.number("--limit", 45)));
    bool passed = true;
    for (const Case* one : cases_) {
      if (arguments_.has("--full")) {
        passed = run_full(*one, limit) && passed;
        continue;
      }
      const unsigned bound = static_cast<unsigned>(arguments_.number("--bound", one->bound, 0));
      passed = play_case(*one, [&] { return explore(*one, bound, limit, true); }) && passed;
    }
    return passed ? 0 : 1;
  }

  bool run_full(const Case& one, std::chrono::duration<double> limit) {
    bool passed = true;
    for (settings_.threads = 2; settings_.threads <= kMostThreads; ++settings_.threads) {
      const unsigned bound = settings_.threads == 2 ? one.bound_of_two : one.bound_of_three;
      passed = play_case(one, [&] { return explore(one, bound, limit, true); }) && passed;
    }
    return passed;
  }

  // Rounds over all cases, each wider than the one before and in an order that the seed draws, until time is up; what
  // is left of a case's share of the time when all its schedules are played, or are too many to play, goes to random
  // ones.
  // The first round is whole, however short the time is.
  int run_long(bool first_calls) {
    const std::chrono::seconds all(60 * arguments_.number("--minutes", 1));
    const auto end = Clock::now() + (first_calls ? all * first_tenths_ : all * (10 - first_tenths_)) / 10;
    uint64_t seed = arguments_.number("--seed", 1);
    log_.line("schedules: mode %s, %lu minutes, seed %lu", mode_, arguments_.number("--minutes", 1), seed);
    support::Random dice(seed);
    size_t played = 0;
    for (int round = 0; round == 0 || Clock::now() < end; ++round) {
      settings_.threads = 2 + round % 2;
      settings_.repeat = 1 + round / 2 % 3;
      for (size_t i = cases_.size(); i > 1; --i) std::swap(cases_[i - 1], cases_[dice.below(i)]);
      for (size_t i = 0; i < cases_.size() && (round == 0 || Clock::now() < end); ++i, ++played) {
        seed += 1'000'000;
        if (!play_case(*cases_[i], [&] { return spend(*cases_[i], round, end, cases_.size() - i, seed); })) return 1;
      }
    }
    log_.line("schedules: nothing found; %zu cases, %zu whole rounds of ever wider ones, and %zu cases of the next",
              cases_.size(), played / cases_.size(), played % cases_.size());
    return 0;
  }

  // No more than lets the others of its round have as much.
  bool spend(const Case& one, int round, Clock::time_point end, size_t cases_left, uint64_t seed) {
    if (one.threads[settings_.threads - 1] == nullptr) return true;
    const std::chrono::duration<double> left = end - Clock::now();
    const std::chrono::duration<double> most(std::min(5.0 * (round + 1), 75.0));
    const auto share = std::min(most, left / static_cast<double>(cases_left));
    if (!explore(one, 3 + static_cast<unsigned>(round / 4), share * 0.8, false)) return false;
    const auto began = Clock::now();
    const auto until = began + std::chrono::duration_cast<Clock::duration>(share / 5);
    const std::string how = std::string("random from seed ").append(std::to_string(seed));
    return report(one, how.c_str(), Explorer(one, settings_).roam(seed, until), began);
  }

  const Arguments& arguments_;
  Log log_;
  const char* mode_;
  Settings settings_;
  std::vector<const Case*> cases_;
  int first_tenths_ = 0;  // of the time of the long form, for the cases of first calls
};

int list_cases() {
  for (const Case* one : all_cases()) printf("%-32s %s\n", one->name, one->what);
  return 0;
}

int require_cases(const char* wanted) {
  std::string names;
  for (const Case* one : all_cases()) names.append(names.empty() ? "" : ",").append(one->name);
  if (names == wanted) return 0;
  fprintf(stderr, "schedules: FAILED: the cases are %s\n", names.c_str());
  return 1;
}

// The cases of first calls, which can only be played before the library's constructor has made its root.
void run_before_library(int argc, char** argv) {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_MAX, 0);  // what this program allocates for itself stays in libc's heap, which is part of no state
  note_foreign_memory();
  const Arguments arguments(argc, argv, kSummary, kOptions);
  if (arguments.has("--list") || arguments.has("--cases-are")) return;
  Program program(arguments);
  if (!program.has_cases(true)) return;
  const bool others_follow = program.has_cases(false);
  const int status = program.run(true);
  if (status != 0 || !others_follow) {
    fflush(stdout);
    _exit(status);
  }
}

}  // namespace
}  // namespace schedules

BEFORE_LIBRARY(schedules::run_before_library);

int main(int argc, char** argv) {
  using namespace schedules;
  const support::Arguments arguments(argc, argv, kSummary, kOptions);
  if (arguments.has("--list")) return list_cases();
  if (arguments.has("--cases-are")) return require_cases(arguments.text("--cases-are", ""));
  return Program(arguments).run(false);
}
