// SPDX-License-Identifier: Apache-2.0
// The one thread-local object of reslab (20): 64 zero bytes, initial-exec, touched on slow paths only. There is no
// thread-exit hook: a thread that ends leaves nothing behind but a number nobody draws again.
#pragma once

#include <atomic>
#include <cstdint>

namespace reslab {

struct alignas(64) ThreadLine {
  std::atomic<uint64_t> id;               // 0 until the first slow path; never reused
  std::atomic<uintptr_t> slow_frame;      // of the innermost slow path that has not returned, or 0
  std::atomic<uintptr_t> nolock_frame;    // that opened the outermost nolock scope
  std::atomic<uint32_t> nolock_depth;     // scopes of reslab_nolock_save that are open
  std::atomic<uint32_t> group;            // scope of a group: {id:10, ...}, see api/groups.cc
  std::atomic<uint16_t> slot;             // 1 + the slot of this thread where threads are spread over slots; 0: not yet
  std::atomic<uint16_t> locks_held;       // local locks the innermost slow path holds; kept in builds with checks only
  std::atomic<uint32_t> draining;         // magazine that this thread is emptying (cache/drain.h), or 0
  std::atomic<uint32_t> until_sample;     // bytes to allocate until the heap profile has to be asked; 0: it was not yet
  std::atomic<uint32_t> outer_groups[5];  // of the scopes around it
};
static_assert(sizeof(ThreadLine) == 64, "fits the surplus that glibc keeps for libraries opened by dlopen");

// All members are atomics for one reason: a handler on this thread may run between any two instructions. Relaxed
// suffices, no other thread looks.
extern constinit thread_local ThreadLine thread_line __attribute__((tls_model("initial-exec")));

uint64_t draw_thread_id();
uint64_t newest_thread_id();  // that was drawn by any thread

// The group that plain calls of this thread are charged to, or 0.
inline uint32_t thread_group() { return thread_line.group.load(std::memory_order_relaxed) & 1023; }

// Neither of a group nor of nolock calls.
inline bool is_outside_scopes() {
  return (thread_line.group.load(std::memory_order_relaxed) |
          thread_line.nolock_depth.load(std::memory_order_relaxed)) == 0;
}

inline uint64_t thread_id() {
  const uint64_t id = thread_line.id.load(std::memory_order_relaxed);
  return id != 0 ? id : draw_thread_id();
}

// Marks a slow path. A call that a siglongjmp leaves stays marked, so "none below" can be believed, "some below" not
// always: heap/context.h knows when to forget it.
class SlowFrame {
 public:
  SlowFrame() : below_(thread_line.slow_frame.load(std::memory_order_relaxed)) {
    thread_line.slow_frame.store(frame(), std::memory_order_relaxed);
#ifdef RESLAB_CHECKS
    locks_below_ = thread_line.locks_held.exchange(0, std::memory_order_relaxed);  // an interrupted frame's
#endif
  }
  ~SlowFrame() {
#ifdef RESLAB_CHECKS
    thread_line.locks_held.store(locks_below_, std::memory_order_relaxed);
#endif
    thread_line.slow_frame.store(below_, std::memory_order_relaxed);
  }
  SlowFrame(const SlowFrame&) = delete;
  SlowFrame& operator=(const SlowFrame&) = delete;

  // Does this call interrupt another one? A mark just below our own frame's address is of a call that was left by a
  // jump: no frame above it can be alive. For statistics only: an alternate stack may lie anywhere.
  bool is_nested() const {
    constexpr uintptr_t kNear = 64 << 10;
    return below_ != 0 && frame() - below_ >= kNear;
  }

  static bool any_below() { return thread_line.slow_frame.load(std::memory_order_relaxed) != 0; }

 private:
  uintptr_t frame() const { return reinterpret_cast<uintptr_t>(this); }

  uintptr_t below_;
#ifdef RESLAB_CHECKS
  uint16_t locks_below_;
#endif
};

// The same of a thread that has a number, or draws it: all but those who keep aside (heap/fork.h).
class SlowCall : public SlowFrame {
 public:
  SlowCall() { thread_id(); }
};

}  // namespace reslab
