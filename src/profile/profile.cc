// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"

#include "base/random.h"

namespace reslab {

constinit std::atomic<ProfileTables*> profile_tables{nullptr};

namespace {

ProfileTables& tables() { return *profile_tables.load(std::memory_order_acquire); }

// -log2 of a fraction of 2^64, in units of 2^-16: the bits of the logarithm's fraction come out by squaring.
uint64_t minus_log2(uint64_t fraction) {
  const int whole = __builtin_clzll(fraction);
  uint64_t mantissa = fraction << whole;  // 2^63 stands for 1
  uint64_t bits = 0;
  for (int i = 0; i < 16; ++i) {
    const auto square = static_cast<uint64_t>(static_cast<unsigned __int128>(mantissa) * mantissa >> 64);
    const bool is_over = square >> 63 != 0;  // the square is 2 or more
    bits = bits << 1 | is_over;
    mantissa = is_over ? square : square << 1;
  }
  return (static_cast<uint64_t>(whole + 1) << 16) - bits;
}

}  // namespace

uint32_t draw_distance(uint64_t rate, uint64_t random) {
  constexpr uint64_t kLn2 = 45426;  // in units of 2^-16
  const auto distance =
      static_cast<uint64_t>(static_cast<unsigned __int128>(minus_log2(random | 1)) * kLn2 * rate >> 32) + 1;
  return distance < UINT32_MAX ? static_cast<uint32_t>(distance) : UINT32_MAX;
}

bool profile_picks_now(size_t bytes) {
  uint32_t left = thread_line.until_sample.load(std::memory_order_relaxed);
  bool is_picked = left != 0;
  if (left == 0) {  // the thread's first
    left = draw_distance(tables().rate, draw_bits(tables().draws));
    is_picked = bytes >= left;
  }
  if (is_picked) left = draw_distance(tables().rate, draw_bits(tables().draws));
  else left -= static_cast<uint32_t>(bytes);
  thread_line.until_sample.store(left, std::memory_order_relaxed);
  return is_picked;
}

uint32_t profile_site(uint32_t group) {
  Stack stack;
  take_stack(stack);
  drop_own_frames(stack);
  ProfileTables& own = tables();
  const uint32_t site = claim_stack(own.sites, ProfileTables::kSites, stack, stack_hash(stack, group));
  if (site != 0) own.sites[site].group.store(group, std::memory_order_relaxed);  // the same from everybody
  return site;
}

void profile_open(uint32_t site, size_t bytes) {
  ProfileSite& own = tables().sites[site];
  own.live_objects.fetch_add(1, std::memory_order_relaxed);
  own.live_bytes.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  own.all_objects.fetch_add(1, std::memory_order_relaxed);
  own.all_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

void profile_resize(uint32_t site, int64_t more) {
  ProfileSite& own = tables().sites[site];
  own.live_bytes.fetch_add(more, std::memory_order_relaxed);
  if (more > 0) own.all_bytes.fetch_add(static_cast<uint64_t>(more), std::memory_order_relaxed);
}

void profile_close(uint32_t site, size_t bytes) {
  ProfileSite& own = tables().sites[site];
  own.live_objects.fetch_sub(1, std::memory_order_relaxed);
  own.live_bytes.fetch_sub(static_cast<int64_t>(bytes), std::memory_order_relaxed);
}

}  // namespace reslab
