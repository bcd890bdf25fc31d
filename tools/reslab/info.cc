// SPDX-License-Identifier: Apache-2.0
// `reslab info`: a survey as text or as JSON.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "names.h"
#include "survey.h"

namespace reslab::tool {
namespace {

using namespace outside;
using Json = nlohmann::ordered_json;

Json json_of(const MemoryFigures& m) {
  return {{"committed", m.committed},
          {"live", m.live},
          {"live_runs", m.live_runs},
          {"cached", m.cached},
          {"free_in_slabs", m.free_in_slabs},
          {"slab_tails", m.tails},
          {"free_dirty", m.free_dirty},
          {"free_zero", m.free_zero},
          {"in_transit", m.in_transit},
          {"never_used", m.never_used},
          {"overcounted", m.overcounted},
          {"reserved", m.reserved},
          {"window", m.window},
          {"metadata", m.metadata},
          {"resident", m.resident}};
}

Json json_of(const ClassFigures& c) {
  return {{"class", c.id},
          {"name", c.name},
          {"traits", c.traits},
          {"object_bytes", c.object_bytes},
          {"slab_bytes", c.slab_bytes},
          {"slab_objects", c.slab_objects},
          {"capacity", c.capacity},
          {"live", c.live},
          {"in_magazines", c.in_magazines},
          {"magazine_room", c.magazine_room},
          {"in_depot", c.in_depot},
          {"deferred", c.deferred},
          {"in_hand", c.in_hand},
          {"free_in_slabs", c.free_in_slabs},
          {"overcounted", c.overcounted},
          {"slabs_active", c.slabs_active},
          {"slabs_partial", c.slabs_partial},
          {"slabs_full", c.slabs_full},
          {"slabs_empty", c.slabs_empty},
          {"waste_bytes", c.waste_bytes()}};
}

Json json_of(const GroupFigures& g) {
  return {{"id", g.id},
          {"name", g.name},
          {"parent", g.parent},
          {"limit_bytes", g.has_limit ? Json(g.limit_bytes) : Json()},
          {"usage_bytes", g.usage_bytes},
          {"peak_bytes", g.peak_bytes},
          {"failures", g.failures}};
}

Json json_of(const Survey& survey) {
  Json all = {{"reslab", survey.version},
              {"program", survey.program},
              {"pid", survey.process_id},
              {"live", survey.is_live},
              {"library", survey.module},
              {"mode", survey.mode},
              {"mode_reason", survey.mode_reason},
              {"slots", survey.slots},
              {"slot_index", survey.index},
              {"features", survey.features},
              {"counts_may_be_off", survey.counts_may_be_off}};
  for (const auto& [name, value] : survey.options) all["options"][name] = value;
  all["memory"] = json_of(survey.memory);
  all["runs"] = {
      {"runs", survey.runs.runs}, {"units", survey.runs.units}, {"largest_units", survey.runs.largest_units}};
  for (const auto& [name, value] : survey.counters) all["counters"][name] = value;
  all["classes"] = Json::array();
  for (const ClassFigures& cls : survey.classes) all["classes"].push_back(json_of(cls));
  all["groups"] = Json::array();
  for (const GroupFigures& group : survey.groups) all["groups"].push_back(json_of(group));
  all["cpus"] = Json::array();
  for (const CpuFigures& cpu : survey.cpus) {
    all["cpus"].push_back({{"slot", cpu.slot},
                           {"objects", cpu.objects},
                           {"bytes", cpu.bytes},
                           {"room", cpu.room},
                           {"deferred", cpu.deferred},
                           {"active_slabs", cpu.active_slabs}});
  }
  return all;
}

std::string joined(const std::vector<std::string>& words) {
  return words.empty() ? "none" : fmt::format("{}", fmt::join(words, ", "));
}

std::string text_of_options(const Survey& survey) {
  if (survey.options.empty()) return "of another build of the library: not known";
  std::string text;
  for (const auto& [name, value] : survey.options) {
    if (!value.empty()) text += fmt::format("{}{}={}", text.empty() ? "" : ":", name, value);
  }
  return text;
}

void print_head(const Survey& survey) {
  fmt::print("program    {} ({})\n", survey.program, survey.title);
  fmt::print("library    reslab {}, {}\n", survey.version, survey.module);
  fmt::print("mode       {}: {}\n", survey.mode, survey.mode_reason);
  fmt::print("caches     {} in use of {}, by {}\n", survey.cpus.size(), survey.slots, survey.index);
  fmt::print("kernel     {}\n", joined(survey.features));
  fmt::print("options    {}\n", text_of_options(survey));
  if (survey.counts_may_be_off)
    fmt::print("note       a child after fork without its whole repair: counts may be off\n");
}

void print_memory(const Survey& survey) {
  const MemoryFigures& m = survey.memory;
  const auto line = [&](const char* name, uint64_t bytes, const char* what) {
    fmt::print("  {:<14}{:>12}  {}\n", name, human_bytes(bytes), what);
  };
  fmt::print("\nmemory\n");
  line("committed", m.committed, "for objects; the sum of:");
  line("  live", m.live + m.live_runs,
       fmt::format("handed out, {} of it in {} large blocks", human_bytes(m.live_runs), survey.runs.runs).c_str());
  line("  cached", m.cached, "free, in magazines, depot, deferred lists or in hand");
  line("  in slabs", m.free_in_slabs, "free objects of slabs");
  line("  tails", m.tails, "of slabs, too short for an object");
  line("  free", m.free_dirty, "units, kept for reuse");
  line("  given back", m.free_zero, "free units whose pages the system has");
  line("  ahead", m.never_used, "never used yet");
  if (m.in_transit != 0) line("  in transit", m.in_transit, "units between two of these");
  if (m.overcounted != 0) line("  twice", m.overcounted, "of these, seen in two places: it runs");
  line("metadata", m.metadata, "of reslab's own, as far as it is writable");
  line("reserved", m.reserved, "address space");
  if (m.resident != 0) line("resident", m.resident, "the whole process, as the kernel counts");
}

void print_counters(const Survey& survey) {
  fmt::print("\ncounters since the start\n");
  for (const auto& [name, value] : survey.counters) {
    if (value != 0) fmt::print("  {:<26}{:>16}\n", name, value);
  }
}

// The traits that the name does not tell.
std::string name_and_traits(const ClassFigures& c) {
  std::vector<std::string> traits = c.traits;
  std::erase_if(traits, [&](const std::string& trait) { return c.name.starts_with(trait); });
  return traits.empty() ? c.name : fmt::format("{} ({})", c.name, joined(traits));
}

void print_classes(const Survey& survey) {
  fmt::print("\nclasses\n{:>8}{:>11}{:>11}{:>10}{:>10}{:>7}{:>7}{:>7}{:>7}{:>7}{:>11}  {}\n", "bytes", "live", "free",
             "magazines", "depot", "other", "active", "part", "full", "empty", "waste", "name");
  for (const ClassFigures& c : survey.classes) {
    fmt::print("{:>8}{:>11}{:>11}{:>10}{:>10}{:>7}{:>7}{:>7}{:>7}{:>7}{:>11}  {}\n", c.object_bytes, c.live,
               c.free_in_slabs, fmt::format("{}/{}", c.in_magazines, c.magazine_room), c.in_depot,
               c.deferred + c.in_hand, c.slabs_active, c.slabs_partial, c.slabs_full, c.slabs_empty,
               human_bytes(c.waste_bytes()), name_and_traits(c));
  }
}

void print_groups(const Survey& survey) {
  if (survey.groups.empty()) return;
  fmt::print("\ngroups\n{:>8}{:>8}{:>12}{:>12}{:>12}{:>11}  name\n", "id", "in", "limit", "usage", "peak", "failures");
  for (const GroupFigures& g : survey.groups) {
    fmt::print("{:>8}{:>8}{:>12}{:>12}{:>12}{:>11}  {}\n", g.id, g.parent == 0 ? "-" : std::to_string(g.parent),
               g.has_limit ? human_bytes(g.limit_bytes) : "none", human_bytes(g.usage_bytes), human_bytes(g.peak_bytes),
               g.failures, g.name);
  }
}

void print_cpus(const Survey& survey) {
  fmt::print("\ncaches\n{:>8}{:>11}{:>11}{:>11}{:>10}{:>14}\n", "cpu", "objects", "room", "bytes", "deferred",
             "active slabs");
  for (const CpuFigures& cpu : survey.cpus) {
    fmt::print("{:>8}{:>11}{:>11}{:>11}{:>10}{:>14}\n", cpu.slot, cpu.objects, cpu.room, human_bytes(cpu.bytes),
               cpu.deferred, cpu.active_slabs);
  }
}

}  // namespace

int info(const std::string& target, Format format) {
  const std::unique_ptr<Memory> memory = open_target(target);
  const View view(*memory);
  const Survey survey = take_survey(view);
  if (format == Format::kJson) {
    fmt::print("{}\n", json_of(survey).dump(2, ' ', false, Json::error_handler_t::replace));
    return 0;
  }
  print_head(survey);
  print_memory(survey);
  print_classes(survey);
  print_groups(survey);
  print_cpus(survey);
  print_counters(survey);
  return 0;
}

}  // namespace reslab::tool
