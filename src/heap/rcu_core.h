// SPDX-License-Identifier: Apache-2.0
// What libreslab-rcu needs of the core, as one table: the two are separate files, and the core's names are not visible
// outside its own. The table is asked for by version; a core of another version has none, and libreslab-rcu then says so.
//
// Functions marked `reclaimer` are for the one thread that owns the waiting bits (slab/retired.h).
//
// An object is freed by where it lies: the class of its slab says how, whether a size class or a typed cache's. The other
// way round the core asks for grace periods, for what must outlive its readers as a whole: the slabs of a cache of
// RESLAB_CACHE_TYPESAFE_BY_RCU, which is refused while `rcu_client` is nullptr.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/options.h"
#include "platform/fast_path.h"
#include "slab/retired.h"

namespace reslab {

inline constexpr uint32_t kRcuCoreVersion = 5;

// How retired objects' pointers are put into pages: not at all; by sections of whoever is on a CPU, when others' can be
// waited for; by compare-and-swap.
enum class PageWay : uint8_t { kNone, kByCpu, kShared };

struct RcuCore {
  uint32_t version;
  const FastPath* fast_path;

  // Plain: makes the root; false without memory. The bits of all slabs are touched from then on. `client` may be nullptr.
  bool (*start)(const RcuClient* client);
  const Options& (*options)();
  uint32_t (*slots)();
  uint32_t (*ids)();  // that a section may find: one above the slots has no page, but what it reads is there
  size_t (*arena_bytes)();
  PageWay (*page_way)();
  bool (*fence)();
  uint32_t (*slot)();  // that the thread is on, or shares; stale at once

  // Any: the emergency route. Bytes of the object, 0 for nullptr; misuse ends in a report that names `call`.
  size_t (*retire)(void* object, const char* call);
  bool (*has_pending)();
  // Bytes of so many objects, by a sample of one in 32: the same whenever it is asked while they are retired.
  size_t (*measure)(void* const* objects, uint32_t count);
  void (*report_twice)(const char* call, const void* object);

  // reclaimer, plain
  bool (*enter)();  // before any of these; false: a forked child is being repaired, ask again
  Retired (*take_in)(void* const* objects, uint32_t count);
  Retired (*take_pending)(Search search);
  // Before give_back, for all objects that lie in pages by then: a report if one waits already (retired.h R2).
  SeeObjects require_not_waiting;
  Retired (*give_back)();     // all that waits: its grace period has ended
  void (*settle)(bool idle);  // from time to time; `idle`: nothing comes any more
  Retired (*adopt)();         // in a child after fork, by the thread that makes the reclaimer
  // Likewise: some of these may have been taken in already.
  Retired (*retire_rest)(void* const* objects, uint32_t count);

  // The caller's context.
  bool (*in_nolock_scope)();
  bool (*may_wait)(const char* call, uintptr_t frame);
};

}  // namespace reslab

extern "C" __attribute__((visibility("default"))) const reslab::RcuCore* reslab_rcu_core(uint32_t version) noexcept;
