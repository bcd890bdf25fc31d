// SPDX-License-Identifier: Apache-2.0
#include "heap/heap.h"

#include "base/counters.h"
#include "base/options.h"
#include "base/report.h"
#include "base/thread_line.h"
#include "cache/cache.h"
#include "cache/cpu_state.h"
#include "cache/depot.h"
#include "cache/give_back.h"
#include "cache/magazine.h"
#include "heap/account.h"
#include "heap/aside.h"
#include "heap/charged.h"
#include "heap/debug.h"
#include "heap/debug_guard.h"
#include "heap/describe.h"
#include "heap/reentry.h"
#include "heap/root.h"
#include "heap/run.h"
#include "platform/topology.h"
#include "slab/slab.h"

namespace reslab {
namespace {

// From here on moving pages is cheaper than copying them. Moved pages are a mapping of their own for ever, of which a
// process has 65,530: in a large heap only large runs are worth two of them.
size_t least_move_bytes() {
  constexpr size_t kMoveBytes = size_t{512} << 10;
  const int64_t share = arena().units_in_use() * static_cast<int64_t>(kUnitBytes) / 8192;
  return share > static_cast<int64_t>(kMoveBytes) ? static_cast<size_t>(share) : kMoveBytes;
}

// kNoClass: a run. Out of line, as its search is in two places.
[[gnu::noinline]] ClassId class_for(size_t bytes, size_t align) {
  if (bytes > kMaxSmallBytes || align > kUnitBytes) return kNoClass;
  return align <= 16 ? class_of_size(bytes) : class_of_aligned(align, bytes);
}

void* allocate_to_grow(const Request& request) {
  const SlowCall slow;
  return run_allocate_to_grow(request);
}

// Whoever is charged for the object is charged for what becomes of it.
void* allocate_and_copy(const void* object, const ObjectPlace& place, size_t bytes, Contract contract,
                        const char* call) {
  const size_t old_bytes = heap_bytes_at(place);
  const uint32_t account = account_for(group_of_account(charged_account(place)), bytes, 16, contract);
  const Request request = {bytes, 16, contract, Fill::kAny, Retry::kOtherBuckets, account};
  const bool grows_to_run =
      bytes > kMaxSmallBytes && bytes > old_bytes && request.account == 0 && !must_keep_aside() && !debug_is_on();
  // Tracked, where a debug mode is on, even if the old object was not: there may be a record of what lay there before.
  void* moved = grows_to_run ? allocate_to_grow(request) : heap_allocate(request, call);
  if (moved != nullptr) __builtin_memcpy(moved, object, old_bytes < bytes ? old_bytes : bytes);
  return moved;
}

void* allocate_charged(const Request& request, ClassId cls, const char* call) {
  if (must_keep_aside()) return charged_allocate(request, cls);  // draws no number (heap/fork.h)
  const SlowCall slow;
  if (slow.is_nested()) note_reentry(call);
  return charged_allocate(request, cls);
}

// A run that has grown is sampled if it was before, or by what it grew by.
void sample_growth(uint32_t unit, size_t old_bytes, Contract contract) {
  const size_t bytes = run_bytes(unit);
  std::atomic<uint32_t>& account = slab_at(unit).account;
  const uint32_t group = account.load(std::memory_order_relaxed);
  if (bytes <= old_bytes || group != group_of_account(group)) return;
  const uint32_t sampled = account_for(group, bytes - old_bytes, 16, contract);
  if (sampled == group) return;
  account.store(sampled, std::memory_order_relaxed);
  account_open_sample(sampled, bytes);
}

// A run that changes its length and stays a run.
void* reallocate_run(void* object, uint32_t unit, size_t bytes, Contract contract) {
  const size_t old_bytes = run_bytes(unit);
  void* resized = nullptr;
  if (run_resize_in_place(unit, bytes, contract)) resized = object;
  else if (may_enter_kernel(contract) && old_bytes >= least_move_bytes()) resized = run_move(unit, bytes);
  if (resized != nullptr && profile_is_on()) sample_growth(unit_of(resized), old_bytes, contract);
  return resized;
}

void* allocate_uncharged(const Request& request, ClassId cls) {
  return cls == kNoClass ? run_allocate(request) : cache_alloc_slow(cls, request.contract, request.retry);
}

// Before malloc fails: what caches hold may be what it needs. The depot is empty afterwards, so a process without
// memory does this once.
[[gnu::noinline]] void* allocate_from_caches(const Request& request, ClassId cls) {
  if (request.contract != Contract::kPlain || depot().bytes() == 0) return nullptr;
  let_go_of_slot(slot_index());
  let_go_of_shared();
  return allocate_uncharged(request, cls);
}

bool fits_in_place(const ObjectPlace& place, size_t bytes) {
  return place.cls != kRunClass && bytes <= kMaxSmallBytes && stays_in_class(place.cls, class_of_size(bytes), bytes);
}

// What a free can see of an earlier one for the price of two cache lines or three.
bool is_seen_free(const void* object, const ObjectPlace& place) {
  return place.cls != kRunClass && (slab_has_free(place) || magazine_holds(place.cls, object));
}

// --- sizes of sized frees ----------------------------------------------------------------------------------------------

bool is_guarded(const void* object) {
  return debug_is_on() && guard_owns(*debug_tables.load(std::memory_order_acquire), object);
}

bool is_asked_known(const ObjectPlace& place, size_t& asked) {
  return debug_is_on() && debug_asked_bytes(place, asked);
}

// By this class, or by one that it stands in for?
bool is_served_by(ClassId cls, size_t bytes, size_t align) {
  const ClassId own = class_of_aligned(align, bytes);
  ClassId each = own;  // never past the last, which has every alignment
  for (int left = kStandIns; each < cls && left > 0; --left) each = next_bucket(own, each);
  return each == cls;
}

// Too large is wrong always, too small where no allocating function would have taken so large an object. realloc leaves an
// object where it is while more than half of it is in use. What a typed cache's objects were asked for, and a charged
// one's, is not known so well.
bool may_have_served(const ObjectPlace& place, size_t bytes, size_t most_align) {
  const size_t have = heap_bytes_at(place);
  if (bytes > have) return false;
  if (place.cls == kRunClass) return have - bytes <= kUnitBytes;  // not less: nothing, or a cache's object kept aside
  if (place.cls >= kFirstCacheClass || stays_in_class(place.cls, class_of_size(bytes), bytes)) return true;
  if (is_served_by(place.cls, bytes, 16)) return true;
  for (size_t align = 32; align <= most_align && align <= kUnitBytes; align *= 2) {
    if (is_served_by(place.cls, bytes, align)) return true;
  }
  return false;
}

}  // namespace

ObjectPlace heap_place_of(const void* object, const char* call) {
  const ObjectPlace place = ensure_root(Contract::kAny) ? place_of(object) : ObjectPlace{kNoClass, 0, 0};
  if (!is_start(place)) report_invalid(call, object);
  return place;
}

size_t heap_bytes_at(const ObjectPlace& place) {
  return place.cls == kRunClass ? run_bytes(place.unit) : class_info(place.cls).object_bytes;
}

void* heap_allocate(const Request& request, const char* call) {
  if (request.bytes > kMaxBytes || !ensure_root(request.contract)) return nullptr;
  const bool is_tracked = debug_is_on() && request.account == 0;
  return is_tracked ? debug_allocate(request, call) : heap_allocate_untracked(request, call);
}

void* heap_allocate_untracked(const Request& request, const char* call) {
  const ClassId cls = class_for(request.bytes, request.align);
  void* object;
  if (__builtin_expect(request.account != 0, 0)) {
    object = allocate_charged(request, cls, call);
    // A run knows itself which of its units are zero.
    if (object == nullptr || place_of(object).cls == kRunClass) return object;
  } else if (must_keep_aside()) {
    return aside_allocate(request);
  } else {
    const SlowCall slow;
    if (slow.is_nested()) note_reentry(call);
    object = allocate_uncharged(request, cls);
    if (object == nullptr) object = allocate_from_caches(request, cls);
    if (cls == kNoClass) return object;
  }
  if (object != nullptr && request.fill == Fill::kZero) __builtin_memset(object, 0, request.bytes);
  return object;
}

void* heap_allocate_of(ClassId cls, uint32_t account, Contract contract, const char* call) {
  if (!ensure_root(contract)) return nullptr;
  const bool is_tracked = debug_is_on() && account == 0;
  return is_tracked ? debug_allocate_of(cls, contract, call) : heap_allocate_of_untracked(cls, account, contract, call);
}

void* heap_allocate_of_untracked(ClassId cls, uint32_t account, Contract contract, const char* call) {
  if (must_keep_aside()) {  // draws no number (heap/fork.h)
    return account == 0 ? aside_allocate_of(cls, contract) : charged_allocate_of(cls, account, contract);
  }
  const SlowCall slow;
  if (slow.is_nested()) note_reentry(call);
  if (account != 0) return charged_allocate_of(cls, account, contract);
  return cache_alloc_slow(cls, contract, Retry::kOwnBucket);
}

void heap_erase(void* object, const ObjectPlace& place) {
  if (place.cls == kRunClass || class_info(place.cls).is(kKeepsContent)) return;
  __builtin_memset(object, 0, class_info(place.cls).object_bytes);
}

void* heap_allocate_on_node(size_t bytes, uint32_t node) {
  if (!ensure_root(Contract::kAny) || node >= node_count() || node == node_of_slot(slot_index())) return nullptr;
  if (debug_is_on() || must_keep_aside()) return nullptr;
  const SlowCall slow;
  if (slow.is_nested()) note_reentry("reslab_malloc_nolock");
  void* object = cache_alloc_on_node(class_of_size(bytes), node);
  if (object == nullptr) return nullptr;
  counters.add(Counter::kNolockAllocs);
  counters.add(Counter::kAllocs);
  counters.add(Counter::kSingleBitAllocs);
  return object;
}

void heap_free(void* object, Contract contract, const char* call) {
  if (object == nullptr) return;
  if (debug_is_on()) return debug_free(object, contract, call);
  heap_free_untracked(object, heap_place_of(object, call), contract, call);
}

void heap_free_untracked(void* object, const ObjectPlace& place, Contract contract, const char* call) {
  if (must_keep_aside()) return aside_free(object, contract);
  const SlowCall slow;
  if (slow.is_nested()) note_reentry(call);
  if (options().check_frees && is_seen_free(object, place)) report_double_free(call, object);
  const bool is_charged = place.cls != kRunClass && class_info(place.cls).is(kCharged);
  if (is_charged && !charged_release(place)) report_double_free(call, object);
  if (options().zero_on_free) heap_erase(object, place);
  const bool freed =
      place.cls == kRunClass ? run_free(place.unit, contract) : cache_free_slow(place.cls, object, contract);
  if (!freed) report_double_free(call, object);
}

void heap_free_of(ClassId cls, void* object, Contract contract, const char* call) {
  if (object == nullptr) return;
  const ObjectPlace place = heap_place_of(object, call);
  if (place.cls != cls && place.cls != kRunClass) report_other_class(call, object);  // a run: kept aside after a fork
  if (debug_is_on()) return debug_free(object, contract, call);
  heap_free_untracked(object, place, contract, call);
}

void* heap_reallocate(void* object, size_t bytes, Contract contract, const char* call) {
  if (bytes > kMaxBytes) return nullptr;
  if (debug_is_on() && debug_tracks(object)) return debug_reallocate(object, bytes, contract, call);
  const ObjectPlace place = heap_place_of(object, call);
  if (fits_in_place(place, bytes)) return object;
  if (!must_keep_aside()) {
    const SlowCall slow;  // of the steps that no inner call marks: the run as it grows
    if (slow.is_nested()) note_reentry(call);
    if (place.cls == kRunClass && bytes > kMaxSmallBytes) {
      void* resized = reallocate_run(object, place.unit, bytes, contract);
      if (resized != nullptr) return resized;
    }
  }
  void* moved = allocate_and_copy(object, place, bytes, contract, call);
  if (moved != nullptr) heap_free(object, contract, call);
  return moved;
}

size_t heap_usable_bytes(const void* object, const char* call) {
  if (object == nullptr) return 0;
  return debug_is_on() ? debug_usable_bytes(object, call) : heap_bytes_at(heap_place_of(object, call));
}

size_t heap_good_bytes(size_t bytes) { return bytes > kMaxBytes ? 0 : heap_taken_bytes(bytes, 16); }

size_t heap_taken_bytes(size_t bytes, size_t align) {
  const ClassId cls = class_for(bytes, align);
  return cls != kNoClass ? object_bytes_of(cls) : units_for(bytes == 0 ? 1 : bytes) << kUnitShift;
}

// Exactly: pages are never served by another class (api/nolock.cc).
void heap_require_pages(const void* object, size_t bytes, const char* call) {
  if (is_guarded(object)) return;
  const ObjectPlace place = heap_place_of(object, call);
  size_t asked;
  // While a forked child is repaired the smallest are runs.
  const size_t own = place.cls == kRunClass ? units_for(bytes) << kUnitShift : bytes;
  const bool fits = is_asked_known(place, asked) ? bytes == asked : heap_bytes_at(place) == own;
  if (!fits) report_wrong_size(call, object, bytes);
}

void heap_check_size(const void* object, size_t bytes, size_t most_align, const char* call) {
  if (object == nullptr) return;
  if (debug_is_on()) debug_check_size(object, bytes, call);
  if (!options().check_sizes || is_guarded(object)) return;
  const ObjectPlace place = heap_place_of(object, call);
  size_t asked;
  const bool fits = is_asked_known(place, asked) ? is_size_of(bytes, asked) : may_have_served(place, bytes, most_align);
  if (!fits) report_wrong_size(call, object, bytes);
}

}  // namespace reslab
