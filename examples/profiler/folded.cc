// SPDX-License-Identifier: Apache-2.0
#include "folded.h"

#include <stdio.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "symbols.h"

namespace profiler {
namespace {

// The name without what separates frames and lines.
std::string printable(std::string name) {
  std::replace(name.begin(), name.end(), ';', ':');
  std::replace(name.begin(), name.end(), '\n', ' ');
  return name;
}

// Samples have most of their addresses in common.
class Names {
 public:
  const std::string& of(uintptr_t address) {
    const auto [place, is_new] = names_.try_emplace(address);
    if (is_new) place->second = printable(symbols_.name_of(address));
    return place->second;
  }

 private:
  examples::Symbols symbols_;
  std::unordered_map<uintptr_t, std::string> names_;
};

std::string line_of(const Stack& stack, Names& names) {
  std::string line;
  for (size_t i = stack.depth; i-- > 0;) {
    // A caller's address is that of its next instruction, which may be in the next function: one byte back is the call.
    line += names.of(i == 0 ? stack.frames()[i] : stack.frames()[i] - 1);
    if (i > 0) line += ';';
  }
  return line;
}

}  // namespace

bool write_folded(const StackTable& stacks, const std::string& path) {
  Names names;
  std::map<std::string, uint64_t> lines;  // stacks that differ in addresses only are one line
  stacks.for_each(
      [&](const Stack& stack) { lines[line_of(stack, names)] += stack.seen.load(std::memory_order_relaxed); });
  FILE* const file = fopen(path.c_str(), "we");
  if (file == nullptr) return false;
  for (const auto& [line, count] : lines)
    fprintf(file, "%s %llu\n", line.c_str(), static_cast<unsigned long long>(count));
  const bool written = ferror(file) == 0;
  return fclose(file) == 0 && written;
}

}  // namespace profiler
