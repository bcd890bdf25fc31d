// SPDX-License-Identifier: Apache-2.0
#include "profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <sstream>

#include "failure.h"

namespace reslab::outside {
namespace {

constexpr char kHead[] = "heap profile: ";
constexpr char kFormat[] = "heap_v2/";
constexpr char kMappings[] = "\nMAPPED_LIBRARIES:\n";

// One site of the table, as it was copied.
class Record {
 public:
  Record(const Image& image, const char* bytes) : image_(image), bytes_(bytes) {}

  bool is_used() const { return word<uint64_t>(image_.profile_site_depth) != 0; }
  Site site() const {
    const uint64_t depth = std::min(word<uint64_t>(image_.profile_site_depth), image_.profile_frames);
    Site site;
    site.frames.resize(depth);
    memcpy(site.frames.data(), bytes_ + image_.profile_site_frames, depth * sizeof(uint64_t));
    site.live = sampled(image_.profile_site_live_objects, image_.profile_site_live_bytes);
    site.ever = sampled(image_.profile_site_all_objects, image_.profile_site_all_bytes);
    return site;
  }

 private:
  template <class T>
  T word(uint64_t offset) const {
    T value;
    memcpy(&value, bytes_ + offset, sizeof value);
    return value;
  }
  // The two are of different moments: neither may look like less than nothing.
  Sampled sampled(uint64_t objects_at, uint64_t bytes_at) const {
    const Sampled seen = {word<int64_t>(objects_at), word<int64_t>(bytes_at)};
    return seen.objects <= 0 || seen.bytes <= 0 ? Sampled{0, 0} : seen;
  }

  const Image& image_;
  const char* bytes_;
};

Sampled total(const Profile& profile, Sampled Site::*which) {
  Sampled sum = {0, 0};
  for (const Site& site : profile.sites) {
    sum.objects += (site.*which).objects;
    sum.bytes += (site.*which).bytes;
  }
  return sum;
}

void add(Site& site, const Site& other, int64_t times) {
  for (Sampled Site::*which : {&Site::live, &Site::ever}) {
    (site.*which).objects += times * (other.*which).objects;
    (site.*which).bytes += times * (other.*which).bytes;
  }
}

// Sites of one stack made one: they are of different groups, which no line names.
Profile by_stack(const Profile& profile) {
  Profile merged = {profile.rate, {}};
  std::map<std::vector<uint64_t>, size_t> places;
  for (const Site& site : profile.sites) {
    const auto [found, is_new] = places.try_emplace(site.frames, merged.sites.size());
    if (is_new) merged.sites.push_back(site);
    else add(merged.sites[found->second], site, 1);
  }
  return merged;
}

std::string line_of(const Sampled& live, const Sampled& ever) {
  return fmt::format("{}: {} [{}: {}] @", live.objects, live.bytes, ever.objects, ever.bytes);
}

// " 0x1234 0x5678", to the end.
bool parse_frames(const std::string& text, std::vector<uint64_t>& frames) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const char *const begin = word.data() + (word.starts_with("0x") ? 2 : 0), *const end = word.data() + word.size();
    uint64_t frame = 0;
    const auto [stop, error] = std::from_chars(begin, end, frame, 16);
    if (error != std::errc() || stop != end) return false;
    frames.push_back(frame);
  }
  return true;
}

// Of all sites, the magnitudes of each number together: so the numbers, their sums, and those less what another profile has
// are numbers as well.
class Magnitudes {
 public:
  // False: they are more than any heap ever had.
  bool add(const Site& site) {
    return add(0, site.live.objects) && add(1, site.live.bytes) && add(2, site.ever.objects) && add(3, site.ever.bytes);
  }

 private:
  static constexpr int64_t kMost = (int64_t{1} << 62) - 1;
  bool add(int which, int64_t number) {
    if (number < -kMost || number > kMost) return false;
    sums_[which] += number < 0 ? -number : number;
    return sums_[which] <= kMost;
  }
  int64_t sums_[4] = {};
};

// "1: 64 [2: 128] @", and what is behind it.
bool parse_line(const std::string& line, Site& site, std::string& rest) {
  int length = 0;
  const int fields = sscanf(line.c_str(), " %ld: %ld [ %ld: %ld] @%n", &site.live.objects, &site.live.bytes,
                            &site.ever.objects, &site.ever.bytes, &length);
  if (fields != 4 || length == 0) return false;
  rest = line.substr(static_cast<size_t>(length));
  return true;
}

}  // namespace

Estimate estimate(const Sampled& sampled, uint64_t rate) {
  if (sampled.objects == 0) return {0, static_cast<double>(sampled.bytes)};  // of a difference: blocks that have grown
  const double each = static_cast<double>(sampled.bytes) / static_cast<double>(sampled.objects);
  const double scale = each <= 0 ? 1 : 1 / -std::expm1(-each / static_cast<double>(rate));
  return {static_cast<double>(sampled.objects) * scale, static_cast<double>(sampled.bytes) * scale};
}

Profile read_profile(const View& view) {
  const Image& image = view.image();
  if (image.profile_rate == 0) {
    throw Failure(view.memory().title() + ": it has no heap profile; start it with RESLAB_OPTIONS=profile=512k");
  }
  const std::vector<char> table =
      view.read_many<char>(image.profile_sites_at, image.profile_sites * image.profile_site_bytes);
  Profile profile = {image.profile_rate, {}};
  Magnitudes magnitudes;
  for (uint64_t i = 0; i < image.profile_sites; ++i) {
    const Record record(image, table.data() + i * image.profile_site_bytes);
    if (!record.is_used()) continue;
    profile.sites.push_back(record.site());
    if (!magnitudes.add(profile.sites.back())) throw Failure(view.memory().title() + ": its heap profile is damaged");
  }
  return profile;
}

Profile growth(const Profile& profile, const Profile& before) {
  const Profile former = by_stack(before);
  std::map<std::vector<uint64_t>, const Site*> former_sites;
  for (const Site& site : former.sites) former_sites[site.frames] = &site;
  Profile grown = by_stack(profile);
  for (Site& site : grown.sites) {
    const auto found = former_sites.find(site.frames);
    if (found != former_sites.end()) add(site, *found->second, -1);
  }
  return grown;
}

std::string pprof_text(const Profile& profile, const std::string& mappings) {
  std::string text = kHead + line_of(total(profile, &Site::live), total(profile, &Site::ever)) +
                     fmt::format(" {}{}\n", kFormat, profile.rate);
  for (const Site& site : profile.sites) {
    text += line_of(site.live, site.ever);
    for (const uint64_t frame : site.frames) text += fmt::format(" {:#x}", frame);
    text += '\n';
  }
  return text + kMappings + mappings;
}

bool is_pprof(const std::string& text) { return text.starts_with(kHead); }

std::string mappings_of_pprof(const std::string& text) {
  const size_t found = text.find(kMappings);
  return found == std::string::npos ? "" : text.substr(found + sizeof kMappings - 1);
}

Profile parse_pprof(const std::string& text, const std::string& path) {
  std::istringstream lines(text);
  std::string line, rest;
  Profile profile = {};
  Site sum;
  std::getline(lines, line);
  const bool is_head = line.rfind(kHead, 0) == 0 && parse_line(line.substr(sizeof kHead - 1), sum, rest) &&
                       sscanf(rest.c_str(), " heap_v2/%lu", &profile.rate) == 1 && profile.rate != 0;
  if (!is_head) throw Failure(path + ":1: not a heap profile of reslab");
  Magnitudes magnitudes;
  for (int number = 2; std::getline(lines, line) && !line.empty(); ++number) {
    Site site;
    if (!parse_line(line, site, rest) || !parse_frames(rest, site.frames) || !magnitudes.add(site)) {
      throw Failure(fmt::format("{}:{}: not a site of a heap profile", path, number));
    }
    profile.sites.push_back(site);
  }
  return profile;
}

}  // namespace reslab::outside
