// SPDX-License-Identifier: Apache-2.0
#include "heap/run.h"

#include "arena/arena.h"
#include "base/counters.h"
#include "base/hooks.h"
#include "base/options.h"
#include "cache/cpu_state.h"
#include "heap/account.h"
#include "platform/topology.h"
#include "platform/vm.h"
#include "slab/hard_limit.h"
#include "slab/retired.h"
#include "slab/slab.h"

namespace reslab {
namespace {

// release: with no class it ends what the run was, for Arena::fill.
void map_first_unit(uint32_t unit, ClassId cls) {
  __atomic_store_n(arena().window().class_of + unit, unit_entry(cls, 0), __ATOMIC_RELEASE);
}

// The words of a run's bitmap are 0 (6e): they were when its units were free.
void describe(uint32_t unit, uint32_t units) {
  Slab& run = slab_at(unit);
  run.run_units.store(units, std::memory_order_relaxed);
  run.account.store(0, std::memory_order_relaxed);
  const uint32_t generation = identity_of(run.state.load(std::memory_order_relaxed)).generation;
  map_first_unit(unit, kRunClass);
  run.state.store(slab_state(generation, kRunClass, 0),
                  std::memory_order_release);  // last: a fork child finds all or nothing
}

// How many units, and aligned to how many. False: more than there can be.
bool units_of(const Request& request, uint32_t& count, uint32_t& align) {
  const size_t units = request.bytes == 0 ? 1 : units_for(request.bytes);  // a large alignment of nothing
  const size_t multiple = request.align <= kUnitBytes ? 1 : request.align >> kUnitShift;
  count = static_cast<uint32_t>(units);
  align = static_cast<uint32_t>(multiple);
  return units < kMaxUnits && multiple < kMaxUnits;
}

// What is zero is about to be touched here first.
void settle(const UnitRun& units) {
  if (node_count() > 1) arena().settle_node(units, node_of_slot(slot_index()));
}

// Out of line: one for all who find the units.
[[gnu::noinline]] void* make_run(const UnitRun& run, const Request& request) {
  if (run.first == 0) return nullptr;
  RESLAB_HOOK("run_claimed");
  settle(run);
  if (retiring_in_use.load(std::memory_order_relaxed)) touch_retired_bits(run.first, kRunClass);  // no fault later (12)
  describe(run.first, run.count);
  if (request.contract != Contract::kPlain) counters.add(Counter::kNolockFromRun);
  char* object = unit_address(run.first);
  if (request.fill == Fill::kZero && !run.zero) __builtin_memset(object, 0, request.bytes);
  return object;
}

// Counted when it leaves the arena's free units: a run that was kept whole has not been there.
UnitRun counted(UnitRun run) {
  if (run.first != 0) counters.add(Counter::kAllocs);
  return run;
}

}  // namespace

void* run_allocate(const Request& request) {
  uint32_t count, align;
  if (!units_of(request, count, align)) return nullptr;
  const UnitRun kept = has_room(count) ? arena().claim_kept(count, align) : kNoUnits;
  return make_run(kept.first != 0 ? kept : counted(slab_claim_units(count, align, request.contract)), request);
}

// Of more than nothing, and aligned as any run is.
void* run_allocate_to_grow(const Request& request) {
  const size_t units = units_for(request.bytes);
  if (units >= kMaxUnits) return nullptr;
  arena().release_kept();
  return make_run(counted(slab_claim_units(static_cast<uint32_t>(units), 1, request.contract)), request);
}

void* run_allocate_fresh(const Request& request) {
  uint32_t count, align;
  if (!units_of(request, count, align)) return nullptr;
  return make_run(counted(arena().claim_at_frontier(count, align, request.contract)), request);
}

namespace {

// Units that are free from here on. With the option zero_on_free their pages go at once, where the contract allows it and
// memory is not locked: to overwrite them would touch what never was.
[[gnu::noinline]] Arena::Content erased(uint32_t unit, uint32_t units, Contract contract) {
  if (!options().zero_on_free || !may_purge(contract)) return Arena::Content::kDirty;
  const bool gone = vm_discard(unit_address(unit), size_t{units} << kUnitShift);
  return gone ? Arena::Content::kZero : Arena::Content::kDirty;
}

UnitRun claim_behind(uint32_t first, uint32_t count, Contract contract) {
  if (!make_room(count, contract)) return kNoUnits;
  return claim_below_limit(count, contract, [&] { return arena().claim_behind(first, count); });
}

}  // namespace

bool run_free(uint32_t unit, Contract contract, RunUnits then) {
  Slab& run = slab_at(unit);
  uint64_t state = run.state.load(std::memory_order_acquire);
  const SlabIdentity identity = identity_of(state);
  if (identity.cls != kRunClass) return false;
  const uint32_t units = run.run_units.load(std::memory_order_relaxed);
  RESLAB_HOOK("run_free");
  // One of two frees of the same run wins; the other is a double free.
  if (!run.state.compare_exchange_strong(state, slab_state(identity.generation + 1, kNoClass, 0),
                                         std::memory_order_acq_rel)) {
    return false;
  }
  const uint32_t account = run.account.load(std::memory_order_relaxed);
  if (account != 0) account_close(account, size_t{units} << kUnitShift);
  map_first_unit(unit, kNoClass);
  const Arena::Content content = then == RunUnits::kKept ? erased(unit, units, contract) : Arena::Content::kZero;
  if (content == Arena::Content::kDirty && arena().keep(unit, units)) return true;
  counters.add(Counter::kFrees);
  if (then == RunUnits::kHole) return true;
  arena().release(unit, units, content);
  if (may_purge(contract)) arena().purge_above_bound();
  return true;
}

size_t run_bytes(uint32_t unit) {
  return size_t{slab_at(unit).run_units.load(std::memory_order_relaxed)} << kUnitShift;
}

bool run_resize_in_place(uint32_t unit, size_t bytes, Contract contract) {
  Slab& run = slab_at(unit);
  const uint32_t have = run.run_units.load(std::memory_order_relaxed);
  const size_t want = units_for(bytes);
  if (want >= kMaxUnits) return false;
  const auto units = static_cast<uint32_t>(want);
  const uint32_t account = run.account.load(std::memory_order_relaxed);
  if (units > have) {
    const size_t more = size_t{units - have} << kUnitShift;
    if (account != 0 && !account_grow(account, more)) return false;
    const UnitRun behind = claim_behind(unit + have, units - have, contract);
    if (behind.first == 0) {
      if (account != 0) account_shrink(account, more);
      return false;
    }
    settle(behind);
  }
  RESLAB_HOOK("run_resized");
  run.run_units.store(units, std::memory_order_relaxed);
  if (units < have) {
    if (account != 0) account_shrink(account, size_t{have - units} << kUnitShift);
    arena().release(unit + units, have - units, erased(unit + units, have - units, contract));
    if (may_purge(contract)) arena().purge_above_bound();
  }
  return true;
}

namespace {

// The first `bytes` of a run are not ours any more: a hole of the arena, or this run's for ever where that has no room for
// another one. The rest is freed.
void leave_run(uint32_t unit, size_t bytes) {
  run_resize_in_place(unit, bytes, Contract::kPlain);
  if (arena().leave_as_hole(unit, static_cast<uint32_t>(units_for(bytes))))
    run_free(unit, Contract::kPlain, RunUnits::kHole);
}

}  // namespace

void* run_move(uint32_t unit, size_t bytes) {
  const uint32_t old_units = slab_at(unit).run_units.load(std::memory_order_relaxed);
  const Request request = {bytes, 16, Contract::kPlain, Fill::kAny, Retry::kOwnBucket};
  void* moved = run_allocate_to_grow(request);
  if (moved == nullptr) return nullptr;
  const size_t old_bytes = size_t{old_units} << kUnitShift;
  const uint32_t account = slab_at(unit).account.load(std::memory_order_relaxed);
  const size_t more = run_bytes(unit_of(moved)) - old_bytes;  // the old run's charge goes to the new one
  if (account != 0 && !account_grow(account, more)) {
    run_free(unit_of(moved), Contract::kPlain);
    return nullptr;
  }
  const Moved result = vm_move_pages(unit_address(unit), moved, old_bytes);
  if (result != Moved::kDone) {
    if (result == Moved::kNot) run_free(unit_of(moved), Contract::kPlain);
    else leave_run(unit_of(moved), old_bytes);
    if (account != 0) account_shrink(account, more);
    return nullptr;
  }
  slab_at(unit_of(moved)).account.store(account, std::memory_order_relaxed);
  slab_at(unit).account.store(0, std::memory_order_relaxed);
  arena().carry_node(unit, unit_of(moved), old_units);
  run_free(unit, Contract::kPlain, RunUnits::kZero);
  return moved;
}

}  // namespace reslab
