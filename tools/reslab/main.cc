// SPDX-License-Identifier: Apache-2.0
// reslab: what a program's heap looks like, from outside, and what it may rely on here. The command line alone;
// commands.h has the commands.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>

#include "commands.h"
#include "failure.h"
#include "reslab_version.h"

using namespace reslab::tool;

namespace {

const std::map<std::string, SortBy> kSortKeys = {
    {"bytes", SortBy::kBytes},   {"live", SortBy::kLive},     {"objects", SortBy::kObjects}, {"waste", SortBy::kWaste},
    {"cached", SortBy::kCached}, {"change", SortBy::kChange}, {"size", SortBy::kSize}};

class CommandLine {
 public:
  CommandLine() {
    app_.require_subcommand(1);
    app_.set_version_flag("--version", "reslab " RESLAB_VERSION);
    add_run();
    add_info();
    add_check();
    add_map();
    add_heap();
    add_top();
    add_selftest();
  }

  int parse_and_run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      const int status = app_.exit(error);
      return status == 0 ? 0 : 2;
    }
    return action_();
  }

 private:
  void add_run() {
    CLI::App* run = app_.add_subcommand("run", "run a command with reslab as its malloc");
    run->add_option("--library", run_.library, "the library to preload, instead of the installed one");
    run->add_option("--options", run_.options, "options, as in RESLAB_OPTIONS: name=value:name=value");
    run->add_option("COMMAND", run_.command, "the command and its arguments")->required();
    run->prefix_command(false)->positionals_at_end(true);
    run->callback([this] { action_ = [this] { return tool_run(); }; });
  }
  void add_info() {
    CLI::App* info =
        app_.add_subcommand("info", "mode, options, memory, counters and classes of a process or core file");
    add_target(info);
    info->add_flag("--json", json_, "as JSON");
    info->callback([this] { action_ = [this] { return reslab::tool::info(target_, format()); }; });
  }
  void add_check() {
    CLI::App* check =
        app_.add_subcommand("check", "audit a heap: all of a core file, the structure of a running process");
    add_target(check);
    check->add_flag("--json", json_, "as JSON");
    check->callback([this] { action_ = [this] { return reslab::tool::check(target_, format()); }; });
  }
  void add_map() {
    CLI::App* map = app_.add_subcommand("map", "draw the heap's memory: units by class and occupancy");
    add_target(map);
    map->add_option("-o,--output", path_, "the file to write: .svg or .html")->required();
    map->callback([this] { action_ = [this] { return reslab::tool::map(target_, path_); }; });
  }
  void add_heap() {
    CLI::App* heap = app_.add_subcommand("heap", "what allocated the memory: the heap profile (option profile)");
    heap->add_option("TARGET", heap_.target, "number of a process, or path of a core file or of a file of --pprof")
        ->required();
    heap->add_option("--pprof", heap_.pprof, "write the profile to this file, for google-pprof or go tool pprof");
    heap->add_option("--folded", heap_.folded, "write folded stacks to this file, for flame graphs");
    heap->add_option("--since", heap_.since, "only what came since this file of --pprof was written");
    heap->add_flag("--ever", heap_.ever, "what was ever allocated, instead of what is alive");
    heap->add_option("-n,--sites", heap_.sites, "how many sites to print")->check(CLI::Range(1, 1000000));
    heap->callback([this] { action_ = [this] { return reslab::tool::heap(heap_); }; });
  }
  void add_top() {
    CLI::App* top = app_.add_subcommand("top", "watch a running process; h shows the keys");
    top->add_option("PID", top_.target, "number of the process")->required();
    top->add_option("-d,--delay", top_.seconds, "seconds between two looks")->check(CLI::Range(0.1, 3600.0));
    top->add_option("-s,--sort", top_.sort, "bytes, live, objects, waste, cached, change or size")
        ->transform(CLI::CheckedTransformer(kSortKeys));
    top->add_flag("-c,--cpus", top_.per_cpu, "caches of the CPUs instead of classes");
    top->add_option("-n,--frames", top_.frames, "print so many looks as text and end")->check(CLI::Range(1, 1000000));
    top->callback([this] { action_ = [this] { return reslab::tool::top(top_); }; });
  }
  void add_selftest() {
    CLI::App* selftest =
        app_.add_subcommand("selftest", "whether restartable sequences can be trusted on this machine");
    selftest->add_option("--seconds", seconds_, "how long it takes, more on a busy machine")
        ->check(CLI::Range(0.1, 3600.0));
    selftest->add_flag("--json", json_, "as JSON");
    selftest->callback([this] { action_ = [this] { return reslab::tool::selftest(seconds_, format()); }; });
  }
  void add_target(CLI::App* command) {
    command->add_option("TARGET", target_, "number of a process, or path of a core file")->required();
  }

  int tool_run() { return reslab::tool::run(run_); }
  Format format() const { return json_ ? Format::kJson : Format::kText; }

  CLI::App app_{"reslab: run programs on reslab and look at their heaps, without stopping them", "reslab"};
  std::function<int()> action_;
  RunSettings run_;
  HeapSettings heap_;
  TopSettings top_;
  std::string target_, path_;
  double seconds_ = 4;
  bool json_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    return CommandLine().parse_and_run(argc, argv);
  } catch (const std::exception& failure) {
    fprintf(stderr, "reslab: %s\n", failure.what());
    return 1;
  }
}
