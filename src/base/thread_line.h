// The one thread-local object of reslab (20): 64 zero bytes, initial-exec, touched on slow paths only. There is no
// thread-exit hook: a thread that ends leaves nothing behind but a number nobody draws again.
#pragma once

#include <atomic>
#include <cstdint>

namespace reslab {

struct alignas(64) ThreadLine {
  std::atomic<uint64_t> id;            // 0 until the first slow path; never reused
  std::atomic<uint32_t> nolock_depth;  // scopes of reslab_nolock_save that are open
  std::atomic<uint32_t> group;         // group that plain calls are charged to
  uint64_t reserved[6];
};
static_assert(sizeof(ThreadLine) == 64, "fits the surplus that glibc keeps for libraries opened by dlopen");

// All members are atomics for one reason: a handler on this thread may run between any two instructions. Relaxed
// suffices, no other thread looks.
extern constinit thread_local ThreadLine thread_line __attribute__((tls_model("initial-exec")));

uint64_t draw_thread_id();

inline uint64_t thread_id() {
  const uint64_t id = thread_line.id.load(std::memory_order_relaxed);
  return id != 0 ? id : draw_thread_id();
}

}  // namespace reslab
