// SPDX-License-Identifier: Apache-2.0
// The heap profile of a process: samples by stack, what they stand for, and the format that pprof reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "view.h"

namespace reslab::outside {

struct Sampled {
  int64_t objects, bytes;
};

struct Site {
  std::vector<uint64_t> frames;  // return addresses, the innermost first
  Sampled live, ever;
};

struct Profile {
  uint64_t rate;  // bytes from one sample to the next, on average
  std::vector<Site> sites;
};

// What samples stand for: an object was sampled with the chance 1 - exp(-bytes / rate).
struct Estimate {
  double objects, bytes;
};
Estimate estimate(const Sampled& sampled, uint64_t rate);

// Throws a Failure where there is no profile.
Profile read_profile(const View& view);

// What is in `profile` and was not in `before`, site by site; a site may have become smaller.
Profile growth(const Profile& profile, const Profile& before);

// The text that google-pprof and `go tool pprof` read (heap_v2), with the mappings that make names of its addresses.
std::string pprof_text(const Profile& profile, const std::string& mappings);
bool is_pprof(const std::string& text);
// The sites of such a text. Throws a Failure that names the line that is none.
Profile parse_pprof(const std::string& text, const std::string& path);
std::string mappings_of_pprof(const std::string& text);

}  // namespace reslab::outside
