// SPDX-License-Identifier: Apache-2.0
// Who is told of an object when it comes and when it goes: a group that is charged for it, or a site of the heap profile,
// which charges its group in turn. One number of 16 bits, kept where the object is (heap/charged.h):
//
//   0              nobody
//   1 to 1,023     a group
//   1,024 and on   a site of the profile
//
// Class any: an addition for a site, and what charging costs for a group.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/contract.h"
#include "group/group.h"
#include "profile/profile.h"

namespace reslab {

inline constexpr uint32_t kFirstSiteAccount = kMaxGroups;
static_assert(kFirstSiteAccount + ProfileTables::kSites <= 1 << 16, "accounts fit a tag");

// Can there be such an account? Of a tag that is read from memory which anybody may have overwritten.
bool account_exists(uint32_t account);

// The group that pays, or 0.
uint32_t group_of_account(uint32_t account);

// An object comes. False: its group has no budget for it.
bool account_open(uint32_t account, size_t bytes);
// The same of an object that its group has paid for: it is sampled from now on.
void account_open_sample(uint32_t site_account, size_t bytes);
// It grows by so many bytes (false: no budget), or shrinks.
bool account_grow(uint32_t account, size_t bytes);
void account_shrink(uint32_t account, size_t bytes);
// It goes.
void account_close(uint32_t account, size_t bytes);

// The site of the caller's stack, for what `group` pays for.
uint32_t sampled_account(uint32_t group);
// The account of an allocation that `group` pays for: a site, if the profile samples it. What counts is what the allocation
// takes, since that is what its sample is entered with, and its chance is computed back from.
uint32_t picked_account(uint32_t group, size_t bytes, size_t align);
inline uint32_t account_for(uint32_t group, size_t bytes, size_t align, Contract contract) {
  if (__builtin_expect(!profile_is_on(), 1) || contract != Contract::kPlain) return group;
  return picked_account(group, bytes, align);
}

}  // namespace reslab
