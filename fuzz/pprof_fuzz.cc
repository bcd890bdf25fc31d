// SPDX-License-Identifier: Apache-2.0
// What reads profiles from files (tools/lib), given arbitrary text as one: it takes it, or throws a Failure that names the
// line; and what it has taken reads the same when it is written out again.

#include <cstdint>
#include <exception>
#include <optional>
#include <string>

#include "failure.h"
#include "profile.h"
#include "require.h"

namespace {

using fuzz::require;
using namespace reslab::outside;

std::optional<Profile> parse_or_refuse(const std::string& text) {
  try {
    return parse_pprof(text, "file");
  } catch (const Failure& failure) {
    require(std::string(failure.what()).starts_with("file:"), "a Failure names the file and its line");
  } catch (const std::exception& other) {
    require(false, std::string("a profile is refused by a Failure, not by ") + other.what());
  }
  return std::nullopt;
}

bool are_equal(const Profile& one, const Profile& other) {
  if (one.rate != other.rate || one.sites.size() != other.sites.size()) return false;
  for (size_t i = 0; i < one.sites.size(); ++i) {
    const Site &a = one.sites[i], &b = other.sites[i];
    if (a.frames != b.frames || a.live.objects != b.live.objects || a.live.bytes != b.live.bytes ||
        a.ever.objects != b.ever.objects || a.ever.bytes != b.ever.bytes) {
      return false;
    }
  }
  return true;
}

// Of what a profile says, each number for itself and for its sum.
bool sums_are_numbers(const Profile& profile) {
  int64_t sums[4] = {};
  for (const Site& site : profile.sites) {
    const int64_t numbers[] = {site.live.objects, site.live.bytes, site.ever.objects, site.ever.bytes};
    for (int i = 0; i < 4; ++i) {
      const int64_t magnitude = numbers[i] < 0 ? -(numbers[i] + 1) : numbers[i];
      if (__builtin_add_overflow(sums[i], magnitude, &sums[i]) || numbers[i] == INT64_MIN) return false;
    }
  }
  return true;
}

bool is_nothing(const Sampled& sampled) { return sampled.objects == 0 && sampled.bytes == 0; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::optional<Profile> profile = parse_or_refuse(text);
  if (!profile) return 0;
  require(is_pprof(text), "what is a profile begins like one");
  require(sums_are_numbers(*profile), "of what a profile says, there are sums");
  const std::string mappings = mappings_of_pprof(text);
  const std::string again = pprof_text(*profile, mappings);
  require(are_equal(parse_pprof(again, "again"), *profile), "a profile that was written reads as it was");
  require(mappings_of_pprof(again) == mappings, "and so do its mappings");
  for (const Site& site : growth(*profile, *profile).sites) {
    require(is_nothing(site.live) && is_nothing(site.ever), "a profile has not grown since itself");
  }
  for (const Site& site : profile->sites) {
    const Estimate live = estimate(site.live, profile->rate);
    require(live.objects == live.objects && live.bytes == live.bytes, "an estimate is a number");
  }
  return 0;
}
