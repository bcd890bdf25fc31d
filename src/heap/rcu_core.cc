// SPDX-License-Identifier: Apache-2.0
#include "heap/rcu_core.h"

#include "base/hooks.h"
#include "base/report.h"
#include "base/thread_line.h"
#include "cache/bulk_free.h"
#include "cache/magazine.h"
#include "heap/aside.h"
#include "heap/charged.h"
#include "heap/context.h"
#include "heap/debug.h"
#include "heap/debug_guard.h"
#include "heap/describe.h"
#include "heap/root.h"
#include "heap/run.h"

namespace reslab {

namespace {

constexpr char kCall[] = "reslab_free_rcu";

void report_twice(const char* call, const void* object) {
  report_double_free(call, object, Report::kDoubleFreeRetired);
}
void report_twice_pending(void* object) { report_twice(kCall, object); }

// The bit of a pointer that must be the start of an object.
ObjectBit bit_of_object(const void* object, const char* call) {
  const ObjectPlace place = place_of(object);
  if (!is_start(place)) report_invalid(call, object);
  if (debug_is_on()) debug_retire(object, place, call);
  return bit_of(place);
}

void require(RetireResult result, const char* call, const void* object) {
  if (result == RetireResult::kTwice) report_twice(call, object);
  if (result == RetireResult::kFree) report_double_free(call, object);
  if (result == RetireResult::kNoObject) report_invalid(call, object);
}

// --- context and start -------------------------------------------------------------------------------------------------

// Slabs made between the two steps are touched by the second, or touch themselves.
bool start(const RcuClient* client) {
  if (!ensure_root(Contract::kPlain)) return false;
  if (client != nullptr) rcu_client.store(client, std::memory_order_release);
  if (retiring_in_use.exchange(true, std::memory_order_seq_cst)) return true;
  const uint32_t frontier = arena().frontier();
  for (uint32_t unit = 1; unit < frontier; ++unit) {
    const ClassId cls = slab_identity(unit).cls;
    if (has_retired_bits(cls)) touch_retired_bits(unit, cls);
  }
  return true;
}

size_t arena_bytes() { return size_t{arena().window().units} << kUnitShift; }
uint32_t slot_count() { return slots().count(); }
uint32_t id_count() { return root().cpu.regions; }
// While a debug mode is on, each object goes by its bit, which knows at once of a second time.
PageWay page_way() {
  if (debug_is_on()) return PageWay::kNone;
  return in_rseq_mode() && fence_available.load(std::memory_order_relaxed) ? PageWay::kByCpu : PageWay::kShared;
}
bool in_nolock_scope() { return thread_line.nolock_depth.load(std::memory_order_relaxed) != 0; }

// Of the debug modes, if their objects may lie in guarded pages; nullptr otherwise.
DebugTables* tables_with_guards() {
  DebugTables* tables = debug_tables.load(std::memory_order_acquire);
  return tables != nullptr && tables->has(kDebugGuards) ? tables : nullptr;
}

size_t retire_object(void* object, const char* call) {
  DebugTables* guards = tables_with_guards();
  if (guards != nullptr && guard_retire(*guards, object, call)) return guarded_bytes();
  const ObjectBit bit = bit_of_object(object, call);
  const size_t bytes = retired_object_bytes(bit.unit, bit.cls);  // of a run: read while it is surely still there
  require(retire_by_bit(bit), call, object);
  return bytes;
}

// While a child is being repaired: no bit of these is touched by that, but who comes meanwhile draws no number
// (heap/fork.h).
size_t retire(void* object, const char* call) {
  if (object == nullptr) return 0;
  if (!ensure_root(Contract::kAny)) report_invalid(call, object);
  if (must_keep_aside()) return retire_object(object, call);
  const SlowCall slow;
  return retire_object(object, call);
}

// Whatever lies there: a page that is being measured may be taken in meanwhile.
size_t measure(void* const* objects, uint32_t count) {
  constexpr uint32_t kStep = 32;
  size_t bytes = 0, looked_at = 0;
  for (uint32_t i = 0; i < count; i += kStep, ++looked_at) {
    const ObjectPlace place = place_of(objects[i]);
    if (has_retired_bits(place.cls)) bytes += retired_object_bytes(place.unit, place.cls);
  }
  return looked_at == 0 ? 0 : bytes / looked_at * count;
}

// As for maintenance: what a jump has left of a repair is done, and where another thread is at one nobody frees yet.
bool may_wait(const char* call, uintptr_t frame) {
  if (!may_maintain(call, frame) || !ensure_root(Contract::kPlain)) return false;
  resume_repair(root());
  return !must_keep_aside();
}

// --- the reclaimer's ---------------------------------------------------------------------------------------------------

// A thread without a number marks the child of a fork as shared: from then on nobody repairs it.
bool enter() { return ensure_root(Contract::kAny) && !must_keep_aside(); }

// No debug mode is on: there would be no pages.
Retired take_in(void* const* objects, uint32_t count) {
  const SlowCall slow;
  const TakenIn in = retire_to_waiting(objects, count);
  if (in.taken.objects < count) require(in.result, kCall, objects[in.taken.objects]);
  return in.taken;
}

Retired sum_of(const Retired& some, const Retired& others) {
  return {some.objects + others.objects, some.bytes + others.bytes};
}

Retired take_all_pending(Search search) {
  const SlowCall slow;
  const Retired taken = take_pending(search, report_twice_pending);
  DebugTables* guards = tables_with_guards();
  return guards == nullptr ? taken : sum_of(taken, guard_take_retired(*guards, search));
}

bool has_any_pending() {
  const DebugTables* guards = tables_with_guards();
  return has_pending() || (guards != nullptr && guard_has_retired(*guards));
}

// What is no object is reported when it is taken in.
void require_not_waiting(void*, void* const* objects, uint32_t count) {
  void* const waiting = find_waiting(objects, count);
  if (waiting != nullptr) report_twice(kCall, waiting);
}

void require_not_free(uint32_t unit, ClassId cls, uint32_t word, uint64_t bits) {
  if (cls == kRunClass) return;
  const uint64_t free = slab_bits(unit, class_info(cls))[word].load(std::memory_order_relaxed) & bits;
  if (free != 0) report_double_free(kCall, retired_object(unit, cls, word, free));
}

// (R2)
void require_not_pending(uint32_t unit, ClassId cls, const RetiredWords& words, uint32_t word, uint64_t bits) {
  const uint64_t twice = words.pending[word].load(std::memory_order_acquire) & bits;
  if (twice != 0) report_twice(kCall, retired_object(unit, cls, word, twice));
}

constinit BulkFree bulk_free;

void erase(uint32_t unit, ClassId cls, uint32_t word, uint64_t bits) {
  if (cls == kRunClass) return;  // run_free gives its pages back
  for (; bits != 0; bits &= bits - 1)
    heap_erase(retired_object(unit, cls, word, bits), {cls, unit, 0});  // ends: a bit goes
}

// What a word of a unit has had to wait for is over. To the caches:
void give_to_caches(uint32_t unit, ClassId cls, uint32_t word, uint64_t bits) {
  RESLAB_HOOK("retired_give_back");
  if (cls == kRunClass) {
    if (!run_free(unit, Contract::kPlain)) report_double_free(kCall, unit_address(unit));
    return;
  }
  if (class_info(cls).is(kCharged)) charged_release_bits(unit, cls, word, bits);
  bulk_free.add(unit, cls, word, bits);
}

// While a debug mode is on: one by one, as if they were freed now. A child that is forked meanwhile lacks those of a word.
void give_to_debug(uint32_t unit, ClassId cls, uint32_t word, uint64_t bits) {
  for (; bits != 0; bits &= bits - 1)
    debug_give_back(retired_object(unit, cls, word, bits), kCall);  // ends: a bit goes
}

template <class Give>
Retired give_back_unit(uint32_t unit, Give give) {
  const ClassId cls = slab_identity(unit).cls;
  const RetiredWords words = retired_words(unit, cls);
  const size_t each = retired_object_bytes(unit, cls);
  uint64_t objects = 0;
  for (uint32_t word = 0; word < words.count; ++word) {
    const uint64_t bits = words.waiting[word].load(std::memory_order_relaxed);
    if (bits == 0) continue;
    require_not_free(unit, cls, word, bits);
    require_not_pending(unit, cls, words, word, bits);
    // While they wait still: what a child that is forked meanwhile finds on no record is lost to it.
    if (options().zero_on_free && !debug_is_on()) erase(unit, cls, word, bits);
    words.waiting[word].store(0, std::memory_order_release);  // (R3)
    objects += static_cast<uint64_t>(__builtin_popcountll(bits));
    give(unit, cls, word, bits);
  }
  return {objects, objects * each};
}

// Ends: the list is the caller's own.
template <class Give>
Retired give_back_all(Give give) {
  Retired given = {0, 0};
  for (uint32_t unit = pop_waiting(); unit != 0; unit = pop_waiting())
    given = sum_of(given, give_back_unit(unit, give));
  return given;
}

Retired give_back() {
  if (debug_is_on()) {
    const Retired given = give_back_all(give_to_debug);
    DebugTables* guards = tables_with_guards();
    return guards == nullptr ? given : sum_of(given, guard_give_back(*guards));
  }
  const SlowCall slow;
  const Retired given = give_back_all(give_to_caches);
  bulk_free.finish(given.bytes);
  return given;
}

void settle(bool idle) {
  const SlowCall slow;
  bulk_free.settle(idle ? BulkFree::Flow::kIdle : BulkFree::Flow::kSteady);
}

Retired adopt() {
  ensure_root(Contract::kPlain);  // gives the blocks of the dead reclaimer back
  const SlowCall slow;
  bulk_free.forget();
  const Retired pending = adopt_waiting();
  DebugTables* guards = tables_with_guards();
  return guards == nullptr ? pending : sum_of(pending, guard_adopt(*guards));
}

Retired retire_rest(void* const* objects, uint32_t count) {
  Retired retired = {0, 0};
  for (uint32_t i = 0; i < count; ++i) {
    const ObjectBit bit = bit_of_object(objects[i], kCall);
    if (retire_by_bit(bit) != RetireResult::kDone) continue;
    retired.objects += 1;
    retired.bytes += retired_object_bytes(bit.unit, bit.cls);
  }
  return retired;
}

constexpr RcuCore kTable = {
    .version = kRcuCoreVersion,
    .fast_path = &fast_path,
    .start = start,
    .options = options,
    .slots = slot_count,
    .ids = id_count,
    .arena_bytes = arena_bytes,
    .page_way = page_way,
    .fence = rseq_fence,
    .slot = slot_index,
    .retire = retire,
    .has_pending = has_any_pending,
    .measure = measure,
    .report_twice = report_twice,
    .enter = enter,
    .take_in = take_in,
    .take_pending = take_all_pending,
    .require_not_waiting = require_not_waiting,
    .give_back = give_back,
    .settle = settle,
    .adopt = adopt,
    .retire_rest = retire_rest,
    .in_nolock_scope = in_nolock_scope,
    .may_wait = may_wait,
};

}  // namespace
}  // namespace reslab

extern "C" const reslab::RcuCore* reslab_rcu_core(uint32_t version) noexcept {
  return version == reslab::kRcuCoreVersion ? &reslab::kTable : nullptr;
}
