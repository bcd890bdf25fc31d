// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "names.h"

namespace reslab::tool {
namespace {

using namespace outside;

// A bar of the memory by kind, each with a letter of its own.
std::string bar(const MemoryFigures& m, int columns) {
  const std::pair<char, uint64_t> kinds[] = {{'L', m.live + m.live_runs},
                                             {'c', m.cached},
                                             {'s', m.free_in_slabs + m.tails},
                                             {'f', m.free_dirty + m.in_transit},
                                             {'.', m.free_zero + m.never_used}};
  uint64_t total = 0, seen = 0;
  for (const auto& [letter, bytes] : kinds) total += bytes;
  const auto width = static_cast<uint64_t>(std::max(columns - 2, 10));
  std::string text = "[";
  for (const auto& [letter, bytes] : kinds) {
    seen += bytes;
    const double share = total == 0 ? 0 : static_cast<double>(seen) / static_cast<double>(total);
    const auto end = static_cast<uint64_t>(std::lround(share * static_cast<double>(width)));
    while (text.size() < end + 1) text += letter;
  }
  text.resize(width + 1, '.');
  return text + "]";
}

std::string rate(const Look& look, const char* counter) {
  if (look.before == nullptr || look.seconds <= 0) return "-";
  const double difference =
      static_cast<double>(look.now.counter(counter)) - static_cast<double>(look.before->counter(counter));
  const double a_second = difference / look.seconds;
  return a_second >= 1e6   ? fmt::format("{:.1f}M", a_second / 1e6)
         : a_second >= 1e4 ? fmt::format("{:.0f}k", a_second / 1e3)
                           : fmt::format("{:.0f}", a_second);
}

int64_t change_of(const Look& look, const ClassFigures& cls) {
  if (look.before == nullptr) return 0;
  const auto found = std::ranges::find(look.before->classes, cls.id, &ClassFigures::id);
  const uint64_t before = found == look.before->classes.end() ? 0 : found->live;
  return static_cast<int64_t>(cls.live) - static_cast<int64_t>(before);
}

uint64_t magnitude(int64_t n) { return static_cast<uint64_t>(n < 0 ? -n : n); }

uint64_t sort_value(const Look& look, const ClassFigures& c, SortBy by) {
  switch (by) {
    case SortBy::kBytes:
      return c.bytes();
    case SortBy::kLive:
      return c.live_bytes();
    case SortBy::kObjects:
      return c.live;
    case SortBy::kWaste:
      return c.waste_bytes();
    case SortBy::kCached:
      return c.cached() * c.object_bytes;
    case SortBy::kChange:
      return magnitude(change_of(look, c)) * c.object_bytes;
    case SortBy::kSize:
      return UINT64_MAX - c.object_bytes;  // small ones first
  }
  return 0;
}

// As wide as the terminal lets it be: names of typed caches may be long. A star stands for what does not fit.
std::string short_name(const std::string& name, size_t width) {
  return name.size() <= width ? name : name.substr(0, width - 1) + "*";
}

// Whole units, as a class of their own.
ClassFigures large_blocks(const Survey& survey) {
  ClassFigures large = {};
  large.slab_bytes = large.object_bytes = survey.memory.live_runs / survey.runs.units;
  large.capacity = large.live = large.slabs_full = survey.runs.units;
  large.id = UINT32_MAX;
  large.name = "large";
  return large;
}

void draw_classes(std::vector<std::string>& lines, const Look& look, SortBy by, int columns) {
  constexpr int kFigures = 66;  // columns of what stands beside the name
  const int width = std::clamp(columns - kFigures, 13, 32);
  lines.push_back(fmt::format("{:>{}}{:>7}{:>10}{:>9}{:>6}{:>8}{:>8}{:>10}{:>8}", "OBJECT", width, "SLABS", "BYTES",
                              "LIVE", "USE", "CACHED", "FREE", "WASTE", "+LIVE"));
  std::vector<ClassFigures> classes = look.now.classes;
  if (look.now.runs.runs > 0) classes.push_back(large_blocks(look.now));
  std::ranges::stable_sort(classes, std::greater(), [&](const ClassFigures& c) { return sort_value(look, c, by); });
  for (const ClassFigures& c : classes) {
    const double use =
        c.bytes() == 0 ? 0 : 100.0 * static_cast<double>(c.live_bytes()) / static_cast<double>(c.bytes());
    const bool large = c.id == UINT32_MAX;
    lines.push_back(fmt::format(
        "{:>{}}{:>7}{:>10}{:>9}{:>5.0f}%{:>8}{:>8}{:>10}{:>8}", short_name(c.name, static_cast<size_t>(width)), width,
        large ? look.now.runs.runs : c.slabs(), human_bytes(c.bytes()), large ? look.now.runs.runs : c.live, use,
        c.cached(), c.free_in_slabs, human_bytes(c.waste_bytes()),
        look.before == nullptr || large ? "-" : fmt::format("{:+}", change_of(look, c))));
  }
}

void draw_cpus(std::vector<std::string>& lines, const Survey& survey) {
  lines.push_back(fmt::format("{:>7}{:>12}{:>12}{:>12}{:>12}{:>14}", "CPU", "OBJECTS", "ROOM", "BYTES", "DEFERRED",
                              "ACTIVE SLABS"));
  for (const CpuFigures& cpu : survey.cpus) {
    lines.push_back(fmt::format("{:>7}{:>12}{:>12}{:>12}{:>12}{:>14}", cpu.slot, cpu.objects, cpu.room,
                                human_bytes(cpu.bytes), cpu.deferred, cpu.active_slabs));
  }
}

}  // namespace

std::vector<std::string> draw_frame(const Look& look, const TopSettings& settings, int columns, int lines) {
  const Survey& now = look.now;
  const MemoryFigures& m = now.memory;
  std::vector<std::string> frame;
  frame.push_back(fmt::format("reslab {}  {} ({})  mode {}  {} of {} caches", now.version, now.program, now.process_id,
                              now.mode, now.cpus.size(), now.slots));
  frame.push_back(fmt::format("resident {}  committed {}  Live {}  cached {}", human_bytes(m.resident),
                              human_bytes(m.committed), human_bytes(m.live + m.live_runs), human_bytes(m.cached)));
  frame.push_back(fmt::format("in slabs {}  free units {}  given back . {}  metadata {}",
                              human_bytes(m.free_in_slabs + m.tails), human_bytes(m.free_dirty),
                              human_bytes(m.free_zero + m.never_used), human_bytes(m.metadata)));
  frame.push_back(bar(m, columns));
  frame.push_back(fmt::format("a second: refills {}  flushes {}  nolock {} (failed {})  deferred {}  deactivations {}",
                              rate(look, "refills"), rate(look, "flushes"), rate(look, "nolock_allocs"),
                              rate(look, "nolock_failures"), rate(look, "deferred_pushed"),
                              rate(look, "deactivations")));
  if (settings.per_cpu) draw_cpus(frame, now);
  else draw_classes(frame, look, settings.sort, columns);
  if (frame.size() > static_cast<size_t>(lines)) frame.resize(static_cast<size_t>(lines));
  for (std::string& line : frame) line.resize(std::min<size_t>(line.size(), static_cast<size_t>(columns)));
  return frame;
}

std::vector<std::string> draw_help() {
  return {"keys of reslab top",
          "",
          "  b  sort by bytes of slabs       l  by bytes handed out",
          "  o  by objects handed out        w  by waste: bytes of slabs that are not",
          "  a  by bytes in caches           g  by change of objects since the last look",
          "  z  by size of the objects",
          "  c  caches of the CPUs, or classes again",
          "  +  look more often              -  less often",
          "  h  this page                    q  end",
          "",
          "the bar: L handed out, c cached, s free in slabs, f free units, . not resident"};
}

}  // namespace reslab::tool
