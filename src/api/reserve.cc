// SPDX-License-Identifier: Apache-2.0
// reslab_reserve_*: objects set aside for handlers. An array of slots, each emptied by one exchange (51): whoever takes at
// most as many as the array holds finds one, whatever runs meanwhile, since every slot that it passes empty was emptied by
// another one of these.
//
//             alloc   refill   destroy   handler on the same thread     child after fork
//   alloc     yes     yes      - (1)     yes                            whole; the child's objects are its own
//   refill    yes     yes      - (1)     yes                            likewise
//   (1) the program sees to it that nobody uses a reserve it destroys; a call still inside is noticed: EBUSY. Not in a
//       child, where the calls of the parent's other threads are counted for ever

#include <atomic>
#include <cerrno>

#include "api/entry.h"
#include "heap/context.h"
#include "heap/describe.h"
#include "heap/heap.h"
#include "heap/root.h"
#include "platform/page_size.h"
#include "reslab/reslab.h"

using namespace reslab;

struct reslab_reserve {
  uint64_t magic;
  size_t object_bytes;
  size_t count;
  std::atomic<size_t> hint;     // slot to begin at: taken ones lie behind it, mostly
  std::atomic<uint32_t> users;  // calls inside; one that a jump has left stays counted
  uint32_t forks;               // noticed when it was made: in a child of those there are more
  std::atomic<void*> slots[];
};

namespace {

constexpr uint64_t kMagic = 0x6576726573657221;

uint32_t forks() { return root().forks.load(std::memory_order_relaxed); }

// Marks a call as inside.
class User {
 public:
  explicit User(reslab_reserve& reserve) : reserve_(reserve) { reserve_.users.fetch_add(1, std::memory_order_acquire); }
  ~User() { reserve_.users.fetch_sub(1, std::memory_order_release); }
  User(const User&) = delete;
  User& operator=(const User&) = delete;

 private:
  reslab_reserve& reserve_;
};

void require_reserve(const reslab_reserve* reserve, const char* call) {
  if (reserve == nullptr || reserve->magic != kMagic) report_invalid(call, reserve);
}

// Takes the page faults now, so that no handler does. The contents do not matter.
void touch(void* memory, size_t bytes) {
  auto* bytes_of = static_cast<volatile char*>(memory);
  for (size_t at = 0; at < bytes; at += kLeastPageBytes) bytes_of[at] = 0;
  if (bytes != 0) bytes_of[bytes - 1] = 0;
}

// Objects of pages of their own touch keep them: the heap purges only what is free.
bool fill_slot(reslab_reserve& reserve, size_t index) {
  void* object = reslab_malloc(reserve.object_bytes);
  if (object == nullptr) return false;
  touch(object, reserve.object_bytes);
  void* none = nullptr;
  // release: the taker sees what was written. Somebody else's filling is as good.
  if (!reserve.slots[index].compare_exchange_strong(none, object, std::memory_order_release)) reslab_free(object);
  return true;
}

// Ends: one round over the slots.
void* take(reslab_reserve& reserve) {
  const size_t begin = reserve.hint.load(std::memory_order_relaxed);
  for (size_t i = 0; i < reserve.count; ++i) {
    const size_t index = (begin + i) % reserve.count;
    if (reserve.slots[index].load(std::memory_order_relaxed) == nullptr) continue;
    void* object = reserve.slots[index].exchange(nullptr, std::memory_order_acquire);
    if (object == nullptr) continue;
    reserve.hint.store(index + 1, std::memory_order_relaxed);
    return object;
  }
  return nullptr;
}

// Nobody is inside, and nobody will be.
void give_up(reslab_reserve& reserve) {
  reserve.magic = 0;
  for (size_t i = 0; i < reserve.count; ++i) reslab_free(reserve.slots[i].exchange(nullptr, std::memory_order_acquire));
  reslab_free(&reserve);
}

}  // namespace

extern "C" {

reslab_reserve* reslab_reserve_create(size_t size, size_t count) noexcept {
  size_t bytes;
  if (size > kMaxBytes || __builtin_mul_overflow(count, sizeof(void*), &bytes) ||
      __builtin_add_overflow(bytes, sizeof(reslab_reserve), &bytes)) {
    return static_cast<reslab_reserve*>(fail_with(ENOMEM));
  }
  auto* reserve = static_cast<reslab_reserve*>(reslab_calloc(1, bytes));
  if (reserve == nullptr) return nullptr;
  touch(reserve, bytes);
  reserve->magic = kMagic;
  reserve->object_bytes = size;
  reserve->count = count;
  reserve->forks = forks();
  if (reslab_reserve_refill(reserve) == 0) return reserve;
  give_up(*reserve);  // not by reslab_reserve_destroy, which is refused where no maintenance call may be
  return static_cast<reslab_reserve*>(fail_with(ENOMEM));
}

void* reslab_reserve_alloc(reslab_reserve* reserve, size_t size, unsigned flags) noexcept {
  require_reserve(reserve, "reslab_reserve_alloc");
  const User user(*reserve);
  void* object = size <= reserve->object_bytes ? take(*reserve) : nullptr;
  if (object == nullptr) return (flags & RESLAB_NORETRY) != 0 ? fail_nolock() : reslab_malloc_nolock(size, flags);
  return (flags & RESLAB_ZERO) != 0 ? __builtin_memset(object, 0, size) : object;
}

int reslab_reserve_refill(reslab_reserve* reserve) noexcept {
  require_reserve(reserve, "reslab_reserve_refill");
  const User user(*reserve);
  const int saved = errno;
  int result = 0;
  for (size_t i = 0; i < reserve->count && result == 0; ++i) {
    if (reserve->slots[i].load(std::memory_order_relaxed) == nullptr && !fill_slot(*reserve, i)) result = ENOMEM;
  }
  reserve->hint.store(0, std::memory_order_relaxed);
  errno = saved;
  return result;
}

int reslab_reserve_destroy(reslab_reserve* reserve) noexcept {
  if (reserve == nullptr) return 0;
  require_reserve(reserve, "reslab_reserve_destroy");
  if (!may_maintain("reslab_reserve_destroy", RESLAB_FRAME)) return EDEADLK;
  ensure_root(Contract::kPlain);  // which notices a fork
  if (reserve->forks == forks() && reserve->users.load(std::memory_order_acquire) != 0) return EBUSY;
  give_up(*reserve);
  return 0;
}

}  // extern "C"
