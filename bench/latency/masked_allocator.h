// SPDX-License-Identifier: Apache-2.0
// The older way to have memory in a signal handler, after abseil's LowLevelAlloc: every signal is masked while a
// spinlock is held, so that no handler on this thread can find it taken. Two system calls for each operation.
//
// It is as cheap as this way can be: one size, memory that is there already, a free list, a lock nobody else wants.
#pragma once

#include <signal.h>

#include <atomic>
#include <cstddef>

namespace latency {

class MaskedAllocator {
 public:
  MaskedAllocator() {
    for (Object& object : objects_) push(&object);
  }

  void* allocate() {
    const Section section(lock_);
    Object* const object = free_;
    if (object != nullptr) free_ = object->next;
    return object;
  }

  void release(void* object) {
    const Section section(lock_);
    push(static_cast<Object*>(object));
  }

 private:
  union Object {
    Object* next;
    char bytes[256];
  };

  // Masks, then locks; unlocks, then unmasks: at no moment can a handler run on a thread that has the lock.
  class Section {
   public:
    explicit Section(std::atomic_flag& lock) : lock_(lock) {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_BLOCK, &all, &before_);
      while (lock_.test_and_set(std::memory_order_acquire)) {  // ends: the holder runs without interruption
      }
    }
    ~Section() {
      lock_.clear(std::memory_order_release);
      pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

   private:
    std::atomic_flag& lock_;
    sigset_t before_;
  };

  void push(Object* object) {
    object->next = free_;
    free_ = object;
  }

  static constexpr size_t kObjects = 1024;

  std::atomic_flag lock_ = ATOMIC_FLAG_INIT;
  Object* free_ = nullptr;
  Object objects_[kObjects];
};

}  // namespace latency
