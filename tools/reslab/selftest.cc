// SPDX-License-Identifier: Apache-2.0
// `reslab selftest`: the checks of selftest/checks.h on the machine it runs on, a line each, and what follows from
// them.

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/options.h"
#include "commands.h"
#include "platform/cpu.h"
#include "reslab_version.h"
#include "selftest/checks.h"
#include "selftest/cpus.h"

namespace reslab::tool {
namespace {

using namespace selftest;
using Json = nlohmann::ordered_json;

constexpr double kTimedChecks = 4;  // which share the time
constexpr Seconds kPatience{20};    // of each, where the machine is too busy for it to see enough

struct Done {
  const Check* check;
  Outcome outcome;
};

// As a program would have it that is started here, with the options of the environment.
CpuSetup setup_here() {
  Options options;
  parse_options(options, Speak::kYes);
  return detect_cpu(static_cast<ModeOption>(options.mode), static_cast<SlotsOption>(options.slots));
}

std::string kernel_name() {
  struct utsname system = {};
  uname(&system);
  return fmt::format("{} {}, {}", system.sysname, system.release, system.machine);
}

const char* mode_name(const CpuSetup& setup) { return setup.mode == Mode::kRseq ? "rseq" : "fallback"; }

std::string text_of(const Outcome& outcome) {
  std::string text;
  for (const Figure& one : outcome.figures) {
    if (one.kind != Kind::kWork) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", one.value, words_of(one.name));
  }
  return text;
}

void print_head(const CpuSetup& setup) {
  const size_t cpus = allowed_cpus().size();
  fmt::print("reslab {}; {}; {} CPU{}\n", RESLAB_VERSION, kernel_name(), cpus, cpus == 1 ? "" : "s");
  fmt::print("mode {}: {}\n", mode_name(setup), setup.reason);
  fflush(stdout);
}

void print_line(const Done& done) {
  const Outcome& outcome = done.outcome;
  fmt::print("{:<13}{:<9} {}", done.check->name, name_of(outcome.verdict),
             outcome.why.empty() ? done.check->promise : outcome.why);
  if (!outcome.figures.empty()) fmt::print(" ({}; {:.1f} s)", text_of(outcome), outcome.seconds);
  fmt::print("\n");
  fflush(stdout);  // the next one takes a while
}

Json json_of(const Done& done) {
  Json figures = Json::object();
  for (const Figure& one : done.outcome.figures) figures[one.name] = one.value;
  return {{"name", done.check->name}, {"promise", done.check->promise},  {"verdict", name_of(done.outcome.verdict)},
          {"why", done.outcome.why},  {"seconds", done.outcome.seconds}, {"figures", figures}};
}

// Where threads are not registered, or ids out of range, sections would write anywhere: the rest is left out.
std::vector<Done> run_checks(const CpuSetup& setup, double seconds, Format format) {
  const Seconds each(seconds / kTimedChecks);
  std::vector<Done> all;
  for (const Check& check : all_checks()) {
    const bool is_safe = all.empty() || all.front().outcome.verdict == Verdict::kHolds;
    all.push_back({&check, is_safe ? check.run(setup, {each, each + kPatience}) : skipped("not tried after that")});
    if (format == Format::kText) print_line(all.back());
  }
  return all;
}

// What was skipped is not needed here, or comes after what is broken.
Verdict worst_of(const std::vector<Done>& all) {
  Verdict worst = Verdict::kHolds;
  for (const Done& done : all) worst = std::max(worst, done.outcome.verdict);
  return worst == Verdict::kSkipped ? Verdict::kHolds : worst;
}

const char* advice(const CpuSetup& setup, Verdict verdict) {
  if (setup.mode != Mode::kRseq) {
    return "No restartable sequences to test: reslab does without them here, on atomic slots. It keeps every promise, "
           "and "
           "is slower.";
  }
  if (verdict == Verdict::kHolds) return "Restartable sequences can be trusted here.";
  if (verdict == Verdict::kBroken) {
    return "Restartable sequences cannot be trusted here: run every program with RESLAB_OPTIONS=mode=fallback, and "
           "report "
           "this.";
  }
  return "Nothing is broken, but too little was seen to be sure: try again with more --seconds, or when the machine "
         "has "
         "less to do.";
}

void print_json(const CpuSetup& setup, const std::vector<Done>& all, Verdict verdict) {
  Json json = {
      {"reslab", RESLAB_VERSION},        {"kernel", kernel_name()},
      {"cpus", allowed_cpus().size()},   {"mode", mode_name(setup)},
      {"mode_reason", setup.reason},     {"verdict", setup.mode == Mode::kRseq ? name_of(verdict) : "fallback"},
      {"advice", advice(setup, verdict)}};
  json["checks"] = Json::array();
  for (const Done& done : all) json["checks"].push_back(json_of(done));
  fmt::print("{}\n", json.dump(2));
}

}  // namespace

int selftest(double seconds, Format format) {
  const CpuSetup setup = setup_here();
  if (format == Format::kText) print_head(setup);
  std::vector<Done> all;
  if (setup.mode == Mode::kRseq) all = run_checks(setup, seconds, format);
  const Verdict verdict = worst_of(all);
  if (format == Format::kJson) {
    print_json(setup, all, verdict);
  } else {
    fmt::print("{}\n", advice(setup, verdict));
  }
  return verdict == Verdict::kHolds ? 0 : 1;
}

}  // namespace reslab::tool
