// SPDX-License-Identifier: Apache-2.0
// `reslab map`: the arena as a picture, a cell for each unit of 64 KiB (or several, in a large heap), row after row.
// The colour says what the unit is, its strength how much of it is in use: pale cells among strong ones are
// fragmentation.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "commands.h"
#include "failure.h"
#include "names.h"
#include "survey.h"

namespace reslab::tool {
namespace {

using namespace outside;

constexpr uint32_t kColumns = 128;
constexpr uint32_t kMostCells = 128 * 512;
constexpr int kCell = 8;

// Small objects are blue, large ones go over green to red.
std::string colour_of(const View& view, const UnitUse& use) {
  if (use.kind == kFreeDirtyUnit) return "#c8c8c8";
  if (use.kind == kFreeZeroUnit) return "#f2f2f2";
  if (use.kind == kTransitUnit) return "#ff00ff";
  if (use.kind == kHoleUnit) return "#000000";
  if (use.kind == view.image().run_class) return "#5b4636";
  const double bytes = view.classes()[use.kind].object_bytes;
  const double share = std::clamp(std::log2(bytes / 16) / std::log2(262144 / 16.0), 0.0, 1.0);
  const double lightness = 92 - 50 * use.in_use;
  return fmt::format("hsl({:.0f},70%,{:.0f}%)", 230 - 230 * share, lightness);
}

std::string words_of(const View& view, const UnitUse& use) {
  if (use.kind == kFreeDirtyUnit) return "free, kept";
  if (use.kind == kFreeZeroUnit) return "free, given back";
  if (use.kind == kTransitUnit) return "in transit";
  if (use.kind == kHoleUnit) return "not reslab's";
  if (use.kind == view.image().run_class) return "large block";
  const std::string name = class_name(view, use.kind), bytes = std::to_string(view.classes()[use.kind].object_bytes);
  return fmt::format("{}{} bytes, {:.0f} % in use", name == bytes ? "" : name + ": ", bytes,
                     100 * static_cast<double>(use.in_use));
}

struct Cell {
  std::string colour, words;
  uint32_t count;  // alike, side by side in a row
};

// A cell of several units shows the one that is used most.
std::vector<Cell> cells_of(const View& view, const std::vector<UnitUse>& units, uint32_t units_a_cell) {
  std::vector<Cell> cells;
  uint32_t column = 0;
  for (size_t first = 0; first < units.size(); first += units_a_cell) {
    const UnitUse* most = &units[first];
    for (size_t i = first; i < std::min(units.size(), first + units_a_cell); ++i) {
      if (units[i].in_use > most->in_use) most = &units[i];
    }
    Cell cell{colour_of(view, *most), words_of(view, *most), 1};
    if (column != 0 && cells.back().colour == cell.colour && cells.back().words == cell.words) ++cells.back().count;
    else cells.push_back(std::move(cell));
    column = (column + 1) % kColumns;
  }
  return cells;
}

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text)
    safe += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : std::string(1, c);
  return safe;
}

std::string legend(int y) {
  constexpr std::pair<const char*, const char*> kEntries[] = {
      {"hsl(230,70%,42%)", "small objects"}, {"hsl(115,70%,42%)", "middle"}, {"hsl(0,70%,42%)", "256 KiB"},
      {"#5b4636", "large blocks"},           {"#c8c8c8", "free, kept"},      {"#f2f2f2", "free, given back"}};
  std::string text;
  int x = 4;
  for (const auto& [colour, words] : kEntries) {
    text += fmt::format(
        "<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{}\" stroke=\"#999\"/>"
        "<text x=\"{}\" y=\"{}\">{}</text>\n",
        x, y, colour, x + 16, y + 10, words);
    x += 165;
  }
  return text;
}

std::string svg_of(const View& view, const Survey& survey, const std::vector<UnitUse>& units) {
  const auto units_a_cell = static_cast<uint32_t>(std::max<size_t>(1, (units.size() + kMostCells - 1) / kMostCells));
  const std::vector<Cell> cells = cells_of(view, units, units_a_cell);
  const uint64_t count = (units.size() + units_a_cell - 1) / units_a_cell;
  const int rows = static_cast<int>((count + kColumns - 1) / kColumns), top = 62;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      kColumns * kCell + 8, top + rows * kCell + 8);
  svg += fmt::format(
      "<text x=\"4\" y=\"16\" font-size=\"14\">{} ({}): {} live, {} cached, {} free in slabs, {} free units; a cell is "
      "{}</text>\n",
      escaped(survey.program), escaped(survey.title), human_bytes(survey.memory.live + survey.memory.live_runs),
      human_bytes(survey.memory.cached), human_bytes(survey.memory.free_in_slabs),
      human_bytes(survey.memory.free_dirty), human_bytes(units_a_cell * view.image().unit_bytes));
  svg += legend(30);
  uint64_t at = 0;
  for (const Cell& cell : cells) {
    svg += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"><title>{}</title></rect>\n",
                       4 + at % kColumns * kCell, static_cast<uint64_t>(top) + at / kColumns * kCell,
                       cell.count * kCell - 1, kCell - 1, cell.colour, escaped(cell.words));
    at += cell.count;
  }
  return svg + "</svg>\n";
}

std::string html_of(const Survey& survey, const std::string& svg) {
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\n"
      "<style>body{{font-family:sans-serif}}td,th{{text-align:right;padding:0 1em}}</style></head><body>\n{}"
      "<table>\n<tr><th>class</th><th>object bytes</th><th>slabs</th><th>live</th><th>in use</th><th>waste</th></tr>\n",
      escaped(survey.title), svg);
  for (const ClassFigures& c : survey.classes) {
    html +=
        fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.0f} %</td><td>{}</td></tr>\n",
                    escaped(c.name), c.object_bytes, c.slabs(), c.live,
                    c.bytes() > 0 ? 100.0 * static_cast<double>(c.live_bytes()) / static_cast<double>(c.bytes()) : 0,
                    human_bytes(c.waste_bytes()));
  }
  return html + "</table>\n</body></html>\n";
}

}  // namespace

int map(const std::string& target, const std::string& path) {
  const bool html = path.ends_with(".html");
  if (!html && !path.ends_with(".svg")) throw Failure("the picture's file ends in .svg or .html, unlike " + path);
  const std::unique_ptr<Memory> memory = open_target(target);
  const View view(*memory);
  const Survey survey = take_survey(view);
  const std::string svg = svg_of(view, survey, look_at_units(view));
  std::ofstream file(path);
  file << (html ? html_of(survey, svg) : svg);
  file.close();
  if (!file) throw Failure("cannot write " + path);
  return 0;
}

}  // namespace reslab::tool
