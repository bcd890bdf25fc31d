// SPDX-License-Identifier: Apache-2.0
// reslab_*: statistics, status and options. Class any: walks without taking anything.

#include "api/sight.h"

#include <cerrno>

#include "base/counters.h"
#include "base/text.h"
#include "heap/census.h"
#include "heap/root.h"
#include "profile/profile.h"
#include "reslab/reslab.h"
#include "reslab_version.h"

using namespace reslab;

namespace {

// Copies what both sides know of a structure.
template <class T>
int give(T* out, size_t out_size, const T& made) {
  if (out == nullptr) return EINVAL;
  __builtin_memcpy(out, &made, out_size < sizeof made ? out_size : sizeof made);
  return 0;
}

void count_events(reslab_stats& stats) {
  stats.bytes_purged = counters.sum(Counter::kPurgedBytes);
  stats.allocs = counters.sum(Counter::kAllocs);
  stats.frees = counters.sum(Counter::kFrees);
  stats.nolock_allocs = counters.sum(Counter::kNolockAllocs);
  stats.nolock_failures = counters.sum(Counter::kNolockFailures);
  stats.nolock_retries = counters.sum(Counter::kNolockRetries);
  stats.deferred_pushed = counters.sum(Counter::kDeferredPushed);
  stats.deferred_flushed = counters.sum(Counter::kDeferredFlushed);
  stats.local_lock_busy_self = counters.sum(Counter::kLocalLockBusySelf);
  stats.local_lock_busy_other = counters.sum(Counter::kLocalLockBusyOther);
  stats.reentries = counters.sum(Counter::kReentries);
  stats.rseq_restarts_exhausted = counters.sum(Counter::kRestartsExhausted);
  stats.deactivations = counters.sum(Counter::kDeactivations);
  stats.refills = counters.sum(Counter::kRefills);
  stats.flushes = counters.sum(Counter::kFlushes);
  stats.double_frees = counters.sum(Counter::kDoubleFrees);
  stats.invalid_frees = counters.sum(Counter::kInvalidFrees);
  stats.fork_lost_objects = counters.sum(Counter::kForkLostObjects);
  stats.nolock_from_magazine = counters.sum(Counter::kNolockFromMagazine);
  stats.nolock_from_depot = counters.sum(Counter::kNolockFromDepot);
  stats.nolock_from_active = counters.sum(Counter::kNolockFromActive);
  stats.nolock_from_partial = counters.sum(Counter::kNolockFromPartial);
  stats.nolock_from_deferred = counters.sum(Counter::kNolockFromDeferred);
  stats.nolock_from_new_slab = counters.sum(Counter::kNolockFromNewSlab);
  stats.nolock_from_run = counters.sum(Counter::kNolockFromRun);
  stats.single_bit_allocs = counters.sum(Counter::kSingleBitAllocs);
  stats.single_bit_frees = counters.sum(Counter::kSingleBitFrees);
  stats.sent_home = counters.sum(Counter::kSentHome);
  stats.limit_refusals = counters.sum(Counter::kLimitRefusals);
}

void count_memory(reslab_stats& stats) {
  stats.bytes_committed = arena().committed_bytes();
  stats.bytes_reserved = arena().reserved_bytes();
  stats.bytes_metadata = committed_metadata_bytes();
  const int64_t held = arena().units_held();  // below zero for a moment, at times
  stats.bytes_held = static_cast<uint64_t>(held > 0 ? held : 0) << kUnitShift;
  stats.bytes_live = take_run_census().bytes;
  for (const ClassId cls : all_classes()) {
    const ClassCensus census = take_census(cls);
    stats.bytes_live += census.live() * class_info(cls).object_bytes;
    stats.deferred_pending += census.deferred;
    stats.slabs_active += census.slabs_active;
    stats.slabs_partial += census.slabs_partial;
    stats.slabs_full += census.slabs_full;
    stats.slabs_empty += census.slabs_empty;
  }
}

void name_class(char (&name)[32], ClassId cls) {
  Line line;
  if (cls < kMallocClasses) line.dec(class_info(cls).object_bytes);
  else line.text(class_table().name(cls));
  __builtin_memcpy(name, line.c_str(), line.length() + 1);
}

reslab_class_stats stats_of(ClassId cls) {
  const ClassInfo& info = class_info(cls);
  const ClassCensus census = take_census(cls);
  reslab_class_stats stats = {};
  name_class(stats.name, cls);
  stats.class_id = cls;
  stats.object_bytes = info.object_bytes;
  stats.slab_bytes = size_t{info.slab_units} << kUnitShift;
  stats.capacity = census.capacity;
  stats.live = census.live();
  stats.in_magazines = census.in_magazines;
  stats.in_depot = census.in_depot;
  stats.deferred = census.deferred;
  stats.in_hand = census.in_hand;
  stats.free_in_slabs = census.free_in_slabs;
  stats.slabs_active = census.slabs_active;
  stats.slabs_partial = census.slabs_partial;
  stats.slabs_full = census.slabs_full;
  stats.slabs_empty = census.slabs_empty;
  return stats;
}

// Runs as a class of their own, objects counted in units.
reslab_class_stats stats_of_runs() {
  const RunCensus census = take_run_census();
  reslab_class_stats stats = {};
  __builtin_memcpy(stats.name, "runs", sizeof "runs");
  stats.class_id = kRunClass;
  stats.object_bytes = kUnitBytes;
  stats.slab_bytes = kUnitBytes;
  stats.capacity = census.bytes >> kUnitShift;
  stats.live = stats.capacity;
  stats.slabs_full = census.runs;
  return stats;
}

// Malloc's classes, then runs, then those made at run time.
struct ClassList {
  reslab_class_stats* out;
  size_t max_count, each_size;
  size_t count = 0;

  void add(ClassId cls) {
    if (count++ >= max_count) return;
    const reslab_class_stats stats = cls == kRunClass ? stats_of_runs() : stats_of(cls);
    __builtin_memcpy(reinterpret_cast<char*>(out) + (count - 1) * each_size, &stats,
                     each_size < sizeof stats ? each_size : sizeof stats);
  }
};

uint32_t index_of(SlotSource source) {
  return source == SlotSource::kCpuId   ? RESLAB_INDEX_CPU_ID
         : source == SlotSource::kMmCid ? RESLAB_INDEX_MM_CID
                                        : RESLAB_INDEX_THREAD;
}

}  // namespace

extern "C" {

int reslab_get_stats(struct reslab_stats* out, size_t out_size) noexcept {
  reslab_stats stats = {};
  count_events(stats);
  if (ensure_root(Contract::kAny)) count_memory(stats);
  return give(out, out_size, stats);
}

int reslab_get_class_stats(struct reslab_class_stats* out, size_t max_count, size_t each_size) noexcept {
  if (!ensure_root(Contract::kAny)) return kMallocClasses;
  ClassList list = {out, out == nullptr ? 0 : max_count, each_size};
  for (ClassId cls = 1; cls <= kRunClass; ++cls) list.add(cls);
  for (const ClassId cls : all_classes()) {
    if (cls >= kFirstCacheClass) list.add(cls);
  }
  return static_cast<int>(list.count);
}

int reslab_get_status(struct reslab_status* out, size_t out_size) noexcept {
  reslab_status status = {};
  copy_text(status.version, sizeof status.version, RESLAB_VERSION);
  if (!ensure_root(Contract::kAny)) {
    copy_text(status.mode_reason, sizeof status.mode_reason, "nothing has been allocated yet");
    return give(out, out_size, status);
  }
  const Root& own = root();
  status.mode = own.cpu.mode == Mode::kRseq ? RESLAB_MODE_RSEQ : RESLAB_MODE_FALLBACK;
  status.index = index_of(own.cpu.source);
  status.slots = own.cpu.slots;
  if (own.has_fence) status.features |= RESLAB_FEATURE_RSEQ_FENCE;
  if (own.wipes_on_fork) status.features |= RESLAB_FEATURE_WIPE_ON_FORK;
  if (own.strict_commit) status.features |= RESLAB_FEATURE_STRICT_COMMIT;
  copy_text(status.mode_reason, sizeof status.mode_reason, own.cpu.reason);
  status.arena_base = own.arena.window().base;
  status.arena_window_bytes = uint64_t{own.arena.window().units} << kUnitShift;
  status.nodes = own.cpu.nodes;
  return give(out, out_size, status);
}

int reslab_option_get(const char* name, char* out, size_t out_size) noexcept {
  if (name == nullptr || out == nullptr || out_size == 0) return EINVAL;
  Line value;
  if (!format_option(options(), name, value)) return EINVAL;
  copy_text(out, out_size, value.c_str());
  return value.length() < out_size ? 0 : ERANGE;
}

int reslab_option_set(const char* name, const char* value) noexcept {
  if (name == nullptr || value == nullptr) return EINVAL;
  if (!ensure_root(Contract::kPlain)) return ENOMEM;
  switch (set_option(root().options, name, value)) {
    case OptionSet::kDone:
      return 0;
    case OptionSet::kIsFixed:
      return EPERM;
    default:
      return EINVAL;
  }
}

int reslab_heap_dump(int fd) noexcept {
  if (!ensure_root(Contract::kAny) || !profile_is_on()) return ENOTSUP;
  return write_profile(fd);
}

const char* reslab_version(void) noexcept { return RESLAB_VERSION; }

}  // extern "C"
