// SPDX-License-Identifier: Apache-2.0
#include "api/entry.h"

#include "base/counters.h"
#include "heap/account.h"
#include "heap/heap.h"
#include "reslab/reslab.h"

namespace reslab {
namespace {

constexpr bool is_power_of_two(size_t n) { return n != 0 && (n & (n - 1)) == 0; }

// An allocation under its contract: of class `any` it is counted, whether it succeeds or not.
void* allocate_counted(const Request& request, const char* call) {
  void* object = heap_allocate(request, call);
  if (request.contract != Contract::kPlain)
    counters.add(object != nullptr ? Counter::kNolockAllocs : Counter::kNolockFailures);
  return object;
}

// Plain also says ENOMEM; `any` keeps errno.
void* allocate(const Request& request, const char* call) {
  void* object = allocate_counted(request, call);
  if (__builtin_expect(object == nullptr, 0) && request.contract == Contract::kPlain) errno = ENOMEM;
  return object;
}

// From a magazine, in either mode and of any class: what the slow entries try before they enter the heap. Out of line: one
// section for all of them. By reference, as in api/fast.h: gcc 12 may take what the section writes for the NULL of its
// other exits, where both are returned.
[[gnu::noinline]] bool pop_cached(ClassId cls, void*& object) {
  const size_t limit =
      fast_path.size_limit.load(std::memory_order_acquire) | fallback_path.size_limit.load(std::memory_order_acquire);
  if (limit == 0) return false;  // no root, or the heap must see every call
  const PopResult popped = magazine_pop(cls);
  object = popped.object;
  return popped.section == Section::kDone;
}

// Sizes that the fast path's table does not have.
bool pop_middle(size_t bytes, void*& object) {
  return bytes > kTableBytes && bytes <= kMaxSmallBytes && pop_cached(class_of_size(bytes), object);
}

// A class that holds `bytes`, aligned, found without a search: kNoClass if that of the size rounded up is none.
ClassId likely_class(size_t align, size_t bytes) {
  if (align > kMaxSmallBytes || bytes > kMaxSmallBytes) return kNoClass;
  const size_t rounded = bytes == 0 ? align : (bytes + align - 1) & ~(align - 1);
  if (rounded > kMaxSmallBytes) return kNoClass;
  const ClassId cls = class_of_size(rounded);
  return align <= kUnitBytes && (malloc_class_info(cls).object_bytes & (align - 1)) == 0 ? cls : kNoClass;
}

bool pop_aligned(size_t align, size_t bytes, void*& object) {
  const ClassId cls = likely_class(align, bytes);
  return cls != kNoClass && pop_cached(cls, object);
}

[[gnu::always_inline]] inline void* allocate_plain(size_t bytes, size_t align, Fill fill, const char* call) {
  return allocate({bytes, align, plain_contract(call), fill, Retry::kOtherBuckets}, call);
}

ClassId table_class(size_t bytes) { return kSizeClasses.by_size[(bytes + 15) >> 4]; }
size_t table_bytes(size_t bytes) { return malloc_class_info(table_class(bytes)).object_bytes; }

// While accounts are in use: is this, as nearly all is, nobody's, and of a size that the table has? Then `left` of the
// countdown to the next sample is more than it takes.
[[gnu::always_inline]] inline bool is_nobodys(size_t bytes, uint32_t& left) {
  left = thread_line.until_sample.load(std::memory_order_relaxed);
  return bytes <= kTableBytes && table_bytes(bytes) < left && is_outside_scopes();
}

// Such a one by the fast path in either mode. False: not for now, and nothing is counted.
[[gnu::noinline]] bool pop_nobodys(size_t bytes, void*& object) {
  uint32_t left;
  if (!is_nobodys(bytes, left)) return false;
  const ClassId cls = table_class(bytes);
  if (!fast_allocate_of(cls, object) && !fallback_allocate_of(cls, object)) return false;
  profile_counts(table_bytes(bytes), left);
  return true;
}

// Of what is known to be nobody's, or never sampled.
[[gnu::noinline]] bool pop_unaccounted(size_t align, size_t bytes, void*& object) {
  const ClassId cls = likely_class(align, bytes);
  return cls != kNoClass && (fast_allocate_of(cls, object) || fallback_allocate_of(cls, object));
}

// A plain allocation while accounts are in use: by the heap if it has one, as ever if not.
template <class Allocate>
[[gnu::always_inline]] inline void* allocate_accounted(size_t bytes, size_t align, Fill fill, const char* call,
                                                       Allocate allocate_request) {
  const Contract contract = plain_contract(call);
  const uint32_t account = account_for(thread_group(), bytes, align, contract);
  void* object;
  if (account != 0 || !pop_unaccounted(align, bytes, object)) {
    return allocate_request({bytes, align, contract, fill, Retry::kOtherBuckets, account}, call);
  }
  if (!profile_is_on()) profile_is_far_off();  // behind a pop: there is a root, and it has none
  return fill == Fill::kZero ? __builtin_memset(object, 0, bytes) : object;
}

bool has_accounts() { return __builtin_expect(accounts_in_use.load(std::memory_order_relaxed), 0); }

}  // namespace

void* fail_with(int error) {
  if (thread_line.nolock_depth.load(std::memory_order_relaxed) != 0) return fail_nolock();
  errno = error;
  return nullptr;
}

void* fail_nolock() {
  counters.add(Counter::kNolockFailures);
  return nullptr;
}

namespace {

[[gnu::noinline]] void* malloc_from_heap(size_t bytes) {
  if (has_accounts()) return allocate_accounted(bytes, 16, Fill::kAny, "malloc", allocate);
  void* object;
  return pop_middle(bytes, object) ? object : allocate_plain(bytes, 16, Fill::kAny, "malloc");
}

[[gnu::noinline]] void* malloc_fallback(size_t bytes) {
  void* object;
  return fallback_allocate(bytes, object) ? object : malloc_from_heap(bytes);
}

[[gnu::noinline]] void* malloc_nobodys_fallback(size_t bytes, uint32_t left) {
  void* object;
  if (!fallback_allocate_of(table_class(bytes), object)) return malloc_from_heap(bytes);
  profile_counts(table_bytes(bytes), left);
  return object;
}

}  // namespace

// In tail calls, so that the ways of the fallback mode and of a profiled program keep no more on the stack than they need.
void* malloc_slow(size_t bytes) {
  if (bytes < fallback_path.size_limit.load(std::memory_order_acquire)) return malloc_fallback(bytes);
  uint32_t left;
  if (!is_nobodys(bytes, left)) return malloc_from_heap(bytes);
  void* object;
  if (!fast_allocate_of(table_class(bytes), object)) return malloc_nobodys_fallback(bytes, left);
  profile_counts(table_bytes(bytes), left);
  return object;
}

void* calloc_slow(size_t bytes) {
  void* object;
  if (has_accounts()) {
    if (pop_nobodys(bytes, object)) return __builtin_memset(object, 0, bytes);
    return allocate_accounted(bytes, 16, Fill::kZero, "calloc", allocate);
  }
  if (fallback_allocate(bytes, object) || pop_middle(bytes, object)) return __builtin_memset(object, 0, bytes);
  return allocate_plain(bytes, 16, Fill::kZero, "calloc");
}

void free_slow(void* object) noexcept {
  if (!fallback_free(object)) heap_free(object, plain_contract("free"), "free");
}

void* calloc_entry(size_t count, size_t bytes) {
  size_t total;
  if (__builtin_mul_overflow(count, bytes, &total)) return fail_with(ENOMEM);
  void* object;
  if (__builtin_expect(!fast_allocate(total, object), 0)) return calloc_slow(total);
  return __builtin_memset(object, 0, total);
}

namespace {

// The class of an object of a slab, or kNoClass: a run, nothing, or the heap must see every call.
ClassId small_class_of(const void* object) {
  // One of the two is 0 for ever.
  const size_t arena_bytes =
      fast_path.arena_bytes.load(std::memory_order_acquire) | fallback_path.arena_bytes.load(std::memory_order_acquire);
  ClassId cls;
  return arena_bytes != 0 && find_class(object, arena_bytes, cls) && cls < kMallocClasses ? cls : kNoClass;
}

void* reallocate(void* object, size_t bytes) {
  const Contract contract = plain_contract("realloc");
  void* resized = heap_reallocate(object, bytes, contract, "realloc");
  if (__builtin_expect(resized == nullptr, 0)) {
    if (contract == Contract::kPlain) errno = ENOMEM;
    else counters.add(Counter::kNolockFailures);
  }
  return resized;
}

}  // namespace

// Between small sizes it is a lookup, a pop, a copy and a push; the heap does what they cannot.
void* realloc_entry(void* object, size_t bytes) {
  if (object == nullptr) return malloc_entry(bytes);
  const ClassId cls = small_class_of(object);
  if (cls == kNoClass || bytes > kMaxSmallBytes) return reallocate(object, bytes);
  const ClassId wanted = class_of_size(bytes);
  if (stays_in_class(cls, wanted, bytes)) return object;
  void* moved;
  if (!(has_accounts() ? pop_nobodys(bytes, moved) : pop_cached(wanted, moved))) return reallocate(object, bytes);
  const size_t have = malloc_class_info(cls).object_bytes;
  __builtin_memcpy(moved, object, have < bytes ? have : bytes);
  if (!fast_free(object) && !fallback_free(object)) heap_free(object, plain_contract("realloc"), "realloc");
  return moved;
}

void* reallocarray_entry(void* object, size_t count, size_t bytes) {
  size_t total;
  if (__builtin_mul_overflow(count, bytes, &total)) return fail_with(ENOMEM);
  return realloc_entry(object, total);
}

void* aligned_entry(size_t align, size_t bytes) {
  if (!is_power_of_two(align)) {
    return fail_with(EINVAL);
  }
  if (align <= 16) return malloc_entry(bytes);
  if (has_accounts()) return allocate_accounted(bytes, align, Fill::kAny, "aligned_alloc", allocate);
  void* object;
  if (pop_aligned(align, bytes, object)) return object;
  return allocate_plain(bytes, align, Fill::kAny, "aligned_alloc");
}

int posix_memalign_entry(void** out, size_t align, size_t bytes) {
  if (!is_power_of_two(align) || align % sizeof(void*) != 0) return EINVAL;
  if (align < 16) align = 16;
  constexpr char kCall[] = "posix_memalign";
  void* object;
  if (has_accounts()) {
    object = allocate_accounted(bytes, align, Fill::kAny, kCall, allocate_counted);
  } else if (!pop_aligned(align, bytes, object)) {
    object = allocate_counted({bytes, align, plain_contract(kCall), Fill::kAny, Retry::kOtherBuckets}, kCall);
  }
  if (object == nullptr) return ENOMEM;
  *out = object;
  return 0;
}

namespace {

[[gnu::noinline]] void free_sized_slow(void* object, size_t bytes, size_t align, const char* call) {
  heap_check_size(object, bytes, align, call);
  free_slow(object);
}

}  // namespace

// The class of a free always comes from the unit map: an object may have been served by a larger class than its size
// says (14). The size is only checked, where that is asked for: with the option, frees have no fast path (heap/root.cc).
void free_sized_entry(void* object, size_t bytes) noexcept {
  if (__builtin_expect(fast_free(object), 1)) return;
  free_sized_slow(object, bytes, 16, "free_sized");
}

void free_aligned_sized_entry(void* object, size_t align, size_t bytes) noexcept {
  if (__builtin_expect(fast_free(object), 1)) return;
  free_sized_slow(object, bytes, align, "free_aligned_sized");
}

size_t usable_size_entry(const void* object) { return heap_usable_bytes(object, "malloc_usable_size"); }

// --- nolock ----------------------------------------------------------------------------------------------------------

void* aligned_nolock_slow(size_t align, size_t bytes, unsigned flags) {
  const Contract contract = (flags & RESLAB_GROW) != 0 ? Contract::kAnyGrow : Contract::kAny;
  const Retry retry = (flags & RESLAB_NORETRY) != 0 ? Retry::kOwnBucket : Retry::kOtherBuckets;
  const Fill fill = (flags & RESLAB_ZERO) != 0 ? Fill::kZero : Fill::kAny;
  return allocate_counted({bytes, align, contract, fill, retry}, "reslab_malloc_nolock");
}

void* malloc_nolock_slow(size_t bytes, unsigned flags) {
  void* object;
  // Nolock calls are charged to no scope and never sampled.
  if (fallback_allocate(bytes, object) || (has_accounts() && pop_unaccounted(16, bytes, object)))
    return (flags & RESLAB_ZERO) != 0 ? __builtin_memset(object, 0, bytes) : object;
  return bytes <= RESLAB_NOLOCK_MAX ? aligned_nolock_slow(16, bytes, flags) : fail_nolock();
}

void free_nolock_slow(void* object) {
  if (!fallback_free(object)) heap_free(object, Contract::kAny, "reslab_free_nolock");
}

}  // namespace reslab
