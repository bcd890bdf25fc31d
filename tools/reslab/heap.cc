// SPDX-License-Identifier: Apache-2.0
// `reslab heap`: the heap profile of a process, of its core, or that it wrote itself, as text, folded stacks, or a file for
// pprof.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "commands.h"
#include "failure.h"
#include "names.h"
#include "profile.h"
#include "symbols.h"

namespace reslab::tool {
namespace {

using namespace outside;

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw Failure("cannot read " + path);
  return text.str();
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) throw Failure("cannot write " + path);
}

struct Source {
  std::string title, mappings;
  Profile profile;
};

// A file that is no core may be a profile, which is known by its first words.
bool is_profile(const std::string& target) {
  std::error_code unknown;
  if (is_number(target) || !std::filesystem::is_regular_file(target, unknown)) return false;
  char first[64] = {};
  std::ifstream(target).read(first, sizeof first - 1);
  return is_pprof(first);
}

Source open_source(const std::string& target) {
  if (is_profile(target)) {
    const std::string text = read_file(target);
    return {"profile " + target, mappings_of_pprof(text), parse_pprof(text, target)};
  }
  const std::unique_ptr<Memory> memory = open_target(target);
  const View view(*memory);
  return {memory->title(), memory->mappings(), read_profile(view)};
}

// The frames of the allocator in a program that is linked with it: nobody asks for them.
bool is_allocator(const std::string& name) {
  constexpr const char* kNames[] = {"malloc",         "calloc",   "realloc", "reallocarray", "aligned_alloc",
                                    "posix_memalign", "memalign", "valloc",  "pvalloc"};
  for (const char* prefix : {"reslab::", "reslab_", "operator new"}) {
    if (name.rfind(prefix, 0) == 0) return true;
  }
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

// The stack with names, the innermost first.
std::vector<std::string> named(const Site& site, const Symbols& symbols) {
  std::vector<std::string> names;
  for (const uint64_t frame : site.frames) names.push_back(symbols.name_of_caller(frame));
  const auto first = std::find_if_not(names.begin(), names.end(), is_allocator);
  if (first != names.end()) names.erase(names.begin(), first);
  return names;
}

class Report {
 public:
  Report(const Profile& profile, const HeapSettings& settings, const Symbols& symbols)
      : profile_(profile), settings_(settings), symbols_(symbols) {}

  void print(const std::string& title) const {
    fmt::print("{}: one sample in {} bytes\n", title, profile_.rate);
    print_total("live", &Site::live);
    print_total("ever", &Site::ever);
    std::vector<const Site*> sites;
    for (const Site& site : profile_.sites) sites.push_back(&site);
    std::sort(sites.begin(), sites.end(), [&](const Site* a, const Site* b) { return bytes(*a) > bytes(*b); });
    if (sites.size() > settings_.sites) sites.resize(settings_.sites);
    double all = 0;  // of a difference: of what has grown
    for (const Site& site : profile_.sites) all += std::max(bytes(site), 0.0);
    for (const Site* site : sites) {
      if (bytes(*site) > 0) print_site(*site, all);
    }
  }

  // One line a stack, the outermost first, as flame graphs take them; stacks of the same names are one.
  std::string folded() const {
    std::map<std::string, double> lines;
    for (const Site& site : profile_.sites) {
      const std::vector<std::string> names = named(site, symbols_);
      lines[fmt::format("{}", fmt::join(names.rbegin(), names.rend(), ";"))] += bytes(site);
    }
    std::string text;
    for (const auto& [stack, sum] : lines) {
      if (sum >= 1) text += fmt::format("{} {:.0f}\n", stack, sum);
    }
    return text;
  }

 private:
  const Sampled& shown(const Site& site) const { return settings_.ever ? site.ever : site.live; }
  double bytes(const Site& site) const { return estimate(shown(site), profile_.rate).bytes; }

  Estimate total(Sampled Site::*which, int64_t& samples) const {
    Estimate sum = {0, 0};
    for (const Site& site : profile_.sites) {
      const Estimate one = estimate(site.*which, profile_.rate);
      sum = {sum.objects + one.objects, sum.bytes + one.bytes};
      samples += (site.*which).objects;
    }
    return sum;
  }
  void print_total(const char* what, Sampled Site::*which) const {
    int64_t samples = 0;
    const Estimate sum = total(which, samples);
    fmt::print("{}: about {} in {:.0f} objects, from {} samples\n", what, human(sum.bytes), sum.objects, samples);
  }
  void print_site(const Site& site, double all) const {
    const Estimate one = estimate(shown(site), profile_.rate);
    fmt::print("\n{:>9} {:5.1f} % in {:.0f} objects, from {} samples\n", human(one.bytes), 100 * one.bytes / all,
               one.objects, shown(site).objects);
    for (const std::string& name : named(site, symbols_)) fmt::print("    {}\n", name);
  }
  static std::string human(double bytes) { return human_bytes(static_cast<uint64_t>(std::max(bytes, 0.0))); }

  const Profile& profile_;
  const HeapSettings& settings_;
  const Symbols& symbols_;
};

}  // namespace

int heap(const HeapSettings& settings) {
  const auto [title, mappings, profile] = open_source(settings.target);
  if (!settings.pprof.empty()) write_file(settings.pprof, pprof_text(profile, mappings));
  const Profile shown =
      settings.since.empty() ? profile : growth(profile, parse_pprof(read_file(settings.since), settings.since));
  const Symbols symbols(mappings);
  const Report report(shown, settings, symbols);
  if (!settings.folded.empty()) write_file(settings.folded, report.folded());
  if (settings.pprof.empty() && settings.folded.empty()) report.print(title);
  return 0;
}

}  // namespace reslab::tool
