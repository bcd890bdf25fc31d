// SPDX-License-Identifier: Apache-2.0
#include "heap/account.h"

#include "heap/heap.h"

namespace reslab {
namespace {

bool is_site(uint32_t account) { return account >= kFirstSiteAccount; }
uint32_t site_of(uint32_t account) { return account - kFirstSiteAccount; }

bool charge(uint32_t account, size_t bytes) {
  const uint32_t group = group_of_account(account);
  return group == 0 || group_charge(group, bytes);
}
void uncharge(uint32_t account, size_t bytes) {
  const uint32_t group = group_of_account(account);
  if (group != 0) group_uncharge(group, bytes);
}

}  // namespace

bool account_exists(uint32_t account) {
  if (!is_site(account)) return account != 0;
  return profile_is_on() && site_of(account) < ProfileTables::kSites;
}

uint32_t group_of_account(uint32_t account) {
  if (!is_site(account)) return account;
  return profile_tables.load(std::memory_order_relaxed)->sites[site_of(account)].group.load(std::memory_order_relaxed);
}

bool account_open(uint32_t account, size_t bytes) {
  if (!charge(account, bytes)) return false;
  if (is_site(account)) profile_open(site_of(account), bytes);
  return true;
}

void account_open_sample(uint32_t site_account, size_t bytes) { profile_open(site_of(site_account), bytes); }

bool account_grow(uint32_t account, size_t bytes) {
  if (!charge(account, bytes)) return false;
  if (is_site(account)) profile_resize(site_of(account), static_cast<int64_t>(bytes));
  return true;
}

void account_shrink(uint32_t account, size_t bytes) {
  uncharge(account, bytes);
  if (is_site(account)) profile_resize(site_of(account), -static_cast<int64_t>(bytes));
}

void account_close(uint32_t account, size_t bytes) {
  uncharge(account, bytes);
  if (is_site(account)) profile_close(site_of(account), bytes);
}

uint32_t sampled_account(uint32_t group) {
  const uint32_t site = profile_site(group);
  return site == 0 ? group : kFirstSiteAccount + site;
}

uint32_t picked_account(uint32_t group, size_t bytes, size_t align) {
  return profile_picks(heap_taken_bytes(bytes, align)) ? sampled_account(group) : group;
}

}  // namespace reslab
