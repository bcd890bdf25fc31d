#include "api/entry.h"

#include "base/counters.h"
#include "heap/heap.h"
#include "reslab/reslab.h"

namespace reslab {
namespace {

constexpr bool is_power_of_two(size_t n) { return n != 0 && (n & (n - 1)) == 0; }

// An allocation under its contract: `any` keeps errno and counts its failures, plain says ENOMEM.
void* allocate(const Request& request, const char* call) {
  void* object = heap_allocate(request, call);
  if (request.contract != Contract::kPlain)
    counters.add(object != nullptr ? Counter::kNolockAllocs : Counter::kNolockFailures);
  else if (__builtin_expect(object == nullptr, 0)) errno = ENOMEM;
  return object;
}

[[gnu::always_inline]] inline void* allocate_plain(size_t bytes, size_t align, Fill fill, const char* call) {
  return allocate({bytes, align, plain_contract(call), fill, Retry::kOtherBuckets, thread_group()}, call);
}

// The fast path of a thread that is in no scope, when some thread is or was.
[[gnu::noinline]] bool allocate_unscoped(size_t bytes, void*& object) {
  if (bytes > kTableBytes) return false;
  const ClassId cls = kSizeClasses.by_size[(bytes + 15) >> 4];
  return fast_allocate_of(cls, object) || fallback_allocate_of(cls, object);
}

bool is_unscoped() { return scopes_in_use.load(std::memory_order_relaxed) && thread_group() == 0; }

}  // namespace

void* fail_with(int error) {
  if (thread_line.nolock_depth.load(std::memory_order_relaxed) == 0) errno = error;
  else counters.add(Counter::kNolockFailures);
  return nullptr;
}

void* malloc_slow(size_t bytes) {
  void* object;
  if (fallback_allocate(bytes, object) || (is_unscoped() && allocate_unscoped(bytes, object))) return object;
  return allocate_plain(bytes, 16, Fill::kAny, "malloc");
}

void* calloc_slow(size_t bytes) { return allocate_plain(bytes, 16, Fill::kZero, "calloc"); }

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

void* realloc_entry(void* object, size_t bytes) {
  if (object == nullptr) return malloc_entry(bytes);
  const Contract contract = plain_contract("realloc");
  void* resized = heap_reallocate(object, bytes, contract, "realloc");
  if (__builtin_expect(resized == nullptr, 0)) {
    if (contract == Contract::kPlain) errno = ENOMEM;
    else counters.add(Counter::kNolockFailures);
  }
  return resized;
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
  if (bytes <= kTableBytes && align <= kTableBytes) {
    // A power-of-two size is aligned to itself, so most requests find their class by the ordinary table.
    const size_t rounded = (bytes + align - 1) & ~(align - 1);
    void* object;
    if (is_power_of_two(rounded) && fast_allocate(rounded, object)) return object;
  }
  return allocate_plain(bytes, align, Fill::kAny, "aligned_alloc");
}

int posix_memalign_entry(void** out, size_t align, size_t bytes) {
  if (!is_power_of_two(align) || align % sizeof(void*) != 0) return EINVAL;
  const Request request = {bytes,      align < 16 ? 16 : align, plain_contract("posix_memalign"),
                           Fill::kAny, Retry::kOtherBuckets,    thread_group()};
  void* object = heap_allocate(request, "posix_memalign");
  if (object == nullptr) return ENOMEM;
  *out = object;
  return 0;
}

// The class of a free always comes from the unit map: an object may have been served by a larger class than its size
// says (14). The size is only checked, where that is asked for.
void free_sized_entry(void* object, size_t bytes) {
  heap_check_size(object, bytes, "free_sized");
  free_entry(object);
}

void free_aligned_sized_entry(void* object, size_t align, size_t bytes) {
  (void)align;
  heap_check_size(object, bytes, "free_aligned_sized");
  free_entry(object);
}

size_t usable_size_entry(const void* object) { return heap_usable_bytes(object, "malloc_usable_size"); }

// --- nolock ----------------------------------------------------------------------------------------------------------

void* aligned_nolock_slow(size_t align, size_t bytes, unsigned flags) {
  const Contract contract = (flags & RESLAB_GROW) != 0 ? Contract::kAnyGrow : Contract::kAny;
  const Retry retry = (flags & RESLAB_NORETRY) != 0 ? Retry::kOwnBucket : Retry::kOtherBuckets;
  const Fill fill = (flags & RESLAB_ZERO) != 0 ? Fill::kZero : Fill::kAny;
  return allocate({bytes, align, contract, fill, retry}, "reslab_malloc_nolock");
}

void* malloc_nolock_slow(size_t bytes, unsigned flags) {
  void* object;
  const bool is_open = scopes_in_use.load(std::memory_order_relaxed);  // nolock calls are charged to no scope
  if (fallback_allocate(bytes, object) || (is_open && allocate_unscoped(bytes, object)))
    return (flags & RESLAB_ZERO) != 0 ? __builtin_memset(object, 0, bytes) : object;
  if (bytes <= RESLAB_NOLOCK_MAX) return aligned_nolock_slow(16, bytes, flags);
  counters.add(Counter::kNolockFailures);
  return nullptr;
}

void free_nolock_slow(void* object) {
  if (!fallback_free(object)) heap_free(object, Contract::kAny, "reslab_free_nolock");
}

}  // namespace reslab
