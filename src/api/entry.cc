#include "api/entry.h"

#include "base/counters.h"
#include "heap/heap.h"
#include "reslab/reslab.h"

namespace reslab {
namespace {

constexpr bool is_power_of_two(size_t n) { return n != 0 && (n & (n - 1)) == 0; }

void* or_enomem(void* object) {
  if (__builtin_expect(object == nullptr, 0)) errno = ENOMEM;
  return object;
}

Request plain(size_t bytes, size_t align, Fill fill) {
  return {bytes, align, Contract::kPlain, fill, Retry::kOtherBuckets};
}

}  // namespace

void* malloc_slow(size_t bytes) { return or_enomem(heap_allocate(plain(bytes, 16, Fill::kAny))); }

void* calloc_slow(size_t bytes) { return or_enomem(heap_allocate(plain(bytes, 16, Fill::kZero))); }

void free_slow(void* object) noexcept { heap_free(object, Contract::kPlain, "free"); }

void* calloc_entry(size_t count, size_t bytes) {
  size_t total;
  if (__builtin_mul_overflow(count, bytes, &total)) return or_enomem(nullptr);
  void* object;
  if (__builtin_expect(!fast_allocate(total, object), 0)) return calloc_slow(total);
  return __builtin_memset(object, 0, total);
}

void* realloc_entry(void* object, size_t bytes) {
  if (object == nullptr) return malloc_entry(bytes);
  return or_enomem(heap_reallocate(object, bytes, "realloc"));
}

void* reallocarray_entry(void* object, size_t count, size_t bytes) {
  size_t total;
  if (__builtin_mul_overflow(count, bytes, &total)) return or_enomem(nullptr);
  return realloc_entry(object, total);
}

void* aligned_entry(size_t align, size_t bytes) {
  if (!is_power_of_two(align)) {
    errno = EINVAL;
    return nullptr;
  }
  if (align <= 16) return malloc_entry(bytes);
  if (bytes <= kTableBytes && align <= kTableBytes) {
    // A power-of-two size is aligned to itself, so most requests find their class by the ordinary table.
    const size_t rounded = (bytes + align - 1) & ~(align - 1);
    void* object;
    if (is_power_of_two(rounded) && fast_allocate(rounded, object)) return object;
  }
  return or_enomem(heap_allocate(plain(bytes, align, Fill::kAny)));
}

int posix_memalign_entry(void** out, size_t align, size_t bytes) {
  if (!is_power_of_two(align) || align % sizeof(void*) != 0) return EINVAL;
  void* object = heap_allocate(plain(bytes, align < 16 ? 16 : align, Fill::kAny));
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

void* malloc_nolock_slow(size_t bytes, unsigned flags) {
  const Contract contract = (flags & RESLAB_GROW) != 0 ? Contract::kAnyGrow : Contract::kAny;
  const Retry retry = (flags & RESLAB_NORETRY) != 0 ? Retry::kOwnBucket : Retry::kOtherBuckets;
  const Fill fill = (flags & RESLAB_ZERO) != 0 ? Fill::kZero : Fill::kAny;
  void* object = bytes > RESLAB_NOLOCK_MAX ? nullptr : heap_allocate({bytes, 16, contract, fill, retry});
  counters.add(object != nullptr ? Counter::kNolockAllocs : Counter::kNolockFailures);
  return object;
}

void free_nolock_slow(void* object) { heap_free(object, Contract::kAny, "reslab_free_nolock"); }

}  // namespace reslab
