// SPDX-License-Identifier: Apache-2.0
// The commands of `reslab`. Each returns the exit status; what it cannot do it says by a Failure (lib/failure.h).
#pragma once

#include <string>
#include <vector>

namespace reslab::tool {

enum class Format { kText, kJson };

struct RunSettings {
  std::string library;  // empty: the one that was installed with this command
  std::string options;  // as in RESLAB_OPTIONS, before those of the environment
  std::vector<std::string> command;
};

enum class SortBy { kBytes, kLive, kObjects, kWaste, kCached, kChange, kSize };

struct TopSettings {
  std::string target;
  double seconds = 2;
  SortBy sort = SortBy::kBytes;
  bool per_cpu = false;
  int frames = 0;  // 0: on the terminal until q; otherwise as many, as text
};

// Does not return when it succeeds.
int run(const RunSettings& settings);

int info(const std::string& target, Format format);

// 0: nothing was found; 1: something was.
int check(const std::string& target, Format format);

// Writes the picture to `path`; its ending says which kind (.svg, .html).
int map(const std::string& target, const std::string& path);

struct HeapSettings {
  std::string target;
  std::string pprof, folded;  // files to write; empty: none, and the sites are printed
  std::string since;          // such a pprof file: what came since then
  bool ever = false;          // what was ever allocated, instead of what is alive
  size_t sites = 20;          // to print
};

int heap(const HeapSettings& settings);

int top(const TopSettings& settings);

// Whether restartable sequences can be trusted on this machine. 0: they can, or reslab does without them here; 1: one
// of the checks failed, or saw too little. Takes about so many seconds.
int selftest(double seconds, Format format);

}  // namespace reslab::tool
