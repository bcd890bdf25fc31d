// SPDX-License-Identifier: Apache-2.0
// Groups: budgets of bytes, after the kernel's memory controller. What is charged to a group counts against its limit and
// against those of all groups it lies in.
//
//   used     {change:8, limit:8, bytes:48}: live charges and stocks, of the group and of all in it. Only raised by a
//            compare-and-swap that has seen the limit in the same word, so it is never above the limit, not for a moment.
//   limits   the values that `limit` names. A change writes a place that is not in use, and switches to it by the word.
//   stock    one word for each CPU: bytes that are in `used` and nobody's yet. Charges take from it and frees put into it;
//            who would otherwise fail empties them all, by exchange (33).
//
//                       charge  uncharge  drain  limit   handler on the same thread   child after fork
//   charge, uncharge    yes     yes       yes    yes     yes                          a stock in transit stays charged
//   drain, set_limit    yes     yes       yes    yes     yes
//   create, destroy     yes     yes       yes    - (1)   yes; destroy: refused
//   (1) of one group; the program sees to it that nobody uses what it destroys. What is charged still: EBUSY.
//
// Usage is `used` less all stocks below it: exact when nobody is inside.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/contract.h"

struct alignas(64) reslab_group {
  std::atomic<uint64_t> used;
  std::atomic<uint32_t> state;
  uint32_t parent;                             // id, or 0
  std::atomic<std::atomic<uint64_t>*> stocks;  // one cache line for each slot; kept for the record's next group
  std::atomic<uint32_t> dependents;            // groups in it, and caches charged to it
  std::atomic<uint32_t> next_limit;
  std::atomic<uint64_t> peak;      // most bytes ever used
  std::atomic<uint64_t> failures;  // charges that were refused
  char name[32];
  std::atomic<uint64_t> limits[64];
};

namespace reslab {

inline constexpr uint32_t kMaxGroups = 1024;              // ids 1 to 1,023: what a thread's line has room for
inline constexpr uint64_t kMostBytes = (1ull << 48) - 1;  // of a limit: no limit

struct GroupRequest {
  reslab_group* parent;  // or nullptr
  const char* name;
  uint64_t limit;
  Contract contract;  // of class any it is had only where a group has gone whose stocks are still there
};

// nullptr: `error` is ENOSPC (no record) or ENOMEM.
reslab_group* group_create(const GroupRequest& request, int& error);

// 0, or EBUSY: bytes are charged to it, or groups or caches depend on it.
int group_destroy(reslab_group* group);

// 0, or EBUSY: more than that is in use. Stocks are drained for it.
int group_set_limit(reslab_group* group, uint64_t limit);
uint64_t group_limit(const reslab_group* group);

uint64_t group_usage(const reslab_group* group);

// False: over a limit. Class any: bounded by groups and CPUs.
bool group_charge(uint32_t id, size_t bytes);
// What was charged and has gone. Never fails.
void group_uncharge(uint32_t id, size_t bytes);

uint32_t group_id(const reslab_group* group);  // 0 for nullptr
reslab_group& group_at(uint32_t id);
bool group_is_live(uint32_t id);
void group_depend(uint32_t id, int32_t change);

// Where the records are, for readers outside (heap/image.h).
struct GroupTable {
  const reslab_group* records;       // from id 0 on, which is none
  const std::atomic<uint32_t>* end;  // ids below it have been used
  uint32_t live;                     // the state of those that are groups now
  size_t stock_bytes;                // from one slot's stock to the next
};
GroupTable group_table();

// Ends in a report that names `call` unless this is a group.
void require_group(const reslab_group* group, const char* call);

}  // namespace reslab
