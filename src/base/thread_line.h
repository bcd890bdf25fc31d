// The one thread-local object of reslab (20): 64 zero bytes, initial-exec, touched on slow paths only. There is no
// thread-exit hook: a thread that ends leaves nothing behind but a number nobody draws again.
#pragma once

#include <atomic>
#include <cstdint>

namespace reslab {

struct alignas(64) ThreadLine {
  std::atomic<uint64_t> id;            // 0 until the first slow path; never reused
  std::atomic<uint32_t> slow_calls;    // slow paths of this thread that have not returned
  std::atomic<uint32_t> nolock_depth;  // scopes of reslab_nolock_save that are open
  std::atomic<uint32_t> group;         // group that plain calls are charged to
  uint32_t reserved[11];
};
static_assert(sizeof(ThreadLine) == 64, "fits the surplus that glibc keeps for libraries opened by dlopen");

// All members are atomics for one reason: a handler on this thread may run between any two instructions. Relaxed
// suffices, no other thread looks.
extern constinit thread_local ThreadLine thread_line __attribute__((tls_model("initial-exec")));

uint64_t draw_thread_id();

// Marks a slow path. A call that a siglongjmp leaves stays marked, so "none below" can be believed, "some below" not.
class SlowCall {
 public:
  SlowCall() : below_(thread_line.slow_calls.load(std::memory_order_relaxed)) {
    thread_line.slow_calls.store(below_ + 1, std::memory_order_relaxed);
  }
  ~SlowCall() { thread_line.slow_calls.store(below_, std::memory_order_relaxed); }
  SlowCall(const SlowCall&) = delete;
  SlowCall& operator=(const SlowCall&) = delete;
  bool is_nested() const { return below_ != 0; }

  static bool any_below() { return thread_line.slow_calls.load(std::memory_order_relaxed) != 0; }

 private:
  uint32_t below_;
};

inline uint64_t thread_id() {
  const uint64_t id = thread_line.id.load(std::memory_order_relaxed);
  return id != 0 ? id : draw_thread_id();
}

}  // namespace reslab
