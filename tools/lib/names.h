// SPDX-License-Identifier: Apache-2.0
// What the library keeps as numbers, in words.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "view.h"

namespace reslab::outside {

inline constexpr uint64_t kModeRseq = 1;

std::vector<std::string> feature_names(uint64_t features);

// {name, value} of each option, in the order of options.def; empty if the library has other ones than this command knows.
std::vector<std::pair<std::string, std::string>> read_options(const View& view);

// {name, sum of the shards} of each event counter, named as in struct reslab_stats.
std::vector<std::pair<std::string, uint64_t>> read_counters(const View& view);

// "16", "1024", what its owner called it, or what stands for whole units.
std::string class_name(const View& view, uint32_t cls);

// "type-safe", "constructed", "charged".
std::vector<std::string> class_traits(const ClassShape& shape);

// "1.5 GiB": at most four digits and a unit.
std::string human_bytes(uint64_t bytes);

}  // namespace reslab::outside
