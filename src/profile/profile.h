// SPDX-License-Identifier: Apache-2.0
// The heap profile (option profile=BYTES): a sample of all allocations, with the stacks that made them, counted by stack.
//
// Each byte that is allocated is picked with the same small probability, whatever became of the others: a Poisson process,
// one in `rate` bytes. An allocation is sampled if a byte of it is picked, so its chance is 1 - exp(-bytes / rate), and
// who reads the profile divides by that. How many bytes pass between two picks is drawn from the exponential distribution
// and counted down in the thread's line; since that distribution forgets, a thread may begin with a fresh draw.
//
// A site is a stack, with the group that its objects are charged to. A sampled object carries its site where a charged one
// carries its group (heap/account.h), so that the frees of all others know nothing of the profile.
//
//                 count down   claim   open, close, resize   handler on the same thread        child after fork
//   count down    own line     -       -                     a few bytes counted twice         goes on with a copy
//   claim         -            yes     -                     yes: an entry is claimed by one   may find a site without
//                                                            compare-and-swap                  frames, for ever
//   open, ...     -            -       yes                   yes: one addition each
//
// Read from outside at any time: each count is true of its own moment.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/stack_table.h"
#include "base/thread_line.h"

namespace reslab {

struct alignas(64) ProfileSite {
  static constexpr uint32_t kFrames = Stack::kMost;
  std::atomic<uint64_t> hash;
  std::atomic<uint64_t> depth;
  std::atomic<int64_t> live_objects;
  std::atomic<int64_t> live_bytes;
  std::atomic<uint64_t> all_objects;
  std::atomic<uint64_t> all_bytes;
  std::atomic<uint32_t> group;
  std::atomic<uintptr_t> pc[kFrames];
};

struct ProfileTables {
  static constexpr uint32_t kSites = 1 << 15;
  uint64_t rate;  // bytes
  std::atomic<uint64_t> draws;
  ProfileSite sites[kSites];  // from 1 on
};

// nullptr: no profile. Published with the root.
extern constinit std::atomic<ProfileTables*> profile_tables __attribute__((visibility("hidden")));
inline bool profile_is_on() { return profile_tables.load(std::memory_order_acquire) != nullptr; }

// Bytes from one pick to the next: above 0, `rate` on average. From 64 random bits.
uint32_t draw_distance(uint64_t rate, uint64_t random);

// Where there is no profile, and groups are in use: the entries see by the countdown that nothing is picked soon.
inline void profile_is_far_off() { thread_line.until_sample.store(UINT32_MAX, std::memory_order_relaxed); }

// Slow half of the countdown.
bool profile_picks_now(size_t bytes);

// Of an allocation that is not sampled: `left` is what was left of the countdown, and more than its bytes.
inline void profile_counts(size_t bytes, uint32_t left) {
  thread_line.until_sample.store(left - static_cast<uint32_t>(bytes), std::memory_order_relaxed);
}

// Counts the bytes of an allocation. True: it is to be sampled. Only while profile_is_on(); no kernel entry.
inline bool profile_picks(size_t bytes) {
  const uint32_t left = thread_line.until_sample.load(std::memory_order_relaxed);
  if (__builtin_expect(bytes >= left, 0)) return profile_picks_now(bytes);  // 0 as well: nothing was drawn yet
  profile_counts(bytes, left);
  return false;
}

// The site of the caller's stack. 0: no room for it. Walks the stack (base/unwind.h): not for calls of class any.
uint32_t profile_site(uint32_t group);

// An object of a site comes, changes its size, and goes.
void profile_open(uint32_t site, size_t bytes);
void profile_resize(uint32_t site, int64_t more);
void profile_close(uint32_t site, size_t bytes);

}  // namespace reslab
