// SPDX-License-Identifier: Apache-2.0
#include "alternate_stack.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <reslab/reslab.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace crash_reporter {
namespace {

constexpr size_t kStackBytes = 256 << 10;  // the frame of a signal has all vector registers; pages are used as needed

size_t guard_bytes() { return reslab_page_size(); }

void release_stack(void* stack) {
  const stack_t none = {.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
  sigaltstack(&none, nullptr);
  munmap(stack, guard_bytes() + kStackBytes);
}

// Its value in a thread is the thread's stack, which goes with it.
pthread_key_t stack_key() {
  static const pthread_key_t key = [] {
    pthread_key_t made;
    pthread_key_create(&made, release_stack);
    return made;
  }();
  return key;
}

struct Start {
  void* (*routine)(void*);
  void* argument;
};

void* start_with_stack(void* argument) {
  const Start start = *static_cast<Start*>(argument);
  delete static_cast<Start*>(argument);
  give_alternate_stack();
  return start.routine(start.argument);
}

}  // namespace

void give_alternate_stack() {
  stack_t present;
  if (sigaltstack(nullptr, &present) == 0 && (present.ss_flags & SS_DISABLE) == 0) return;
  void* const memory = mmap(nullptr, guard_bytes() + kStackBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  char* const bottom = static_cast<char*>(memory) + guard_bytes();
  const stack_t stack = {.ss_sp = bottom, .ss_flags = 0, .ss_size = kStackBytes};
  if (mprotect(bottom, kStackBytes, PROT_READ | PROT_WRITE) != 0 || sigaltstack(&stack, nullptr) != 0) {
    munmap(memory, guard_bytes() + kStackBytes);
    return;
  }
  pthread_setspecific(stack_key(), memory);
}

}  // namespace crash_reporter

extern "C" __attribute__((visibility("default"))) int pthread_create(pthread_t* thread,
                                                                     const pthread_attr_t* attributes,
                                                                     void* (*routine)(void*), void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const Create create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  auto* const start = new (std::nothrow) crash_reporter::Start{routine, argument};
  if (start == nullptr) return EAGAIN;
  const int result = create(thread, attributes, crash_reporter::start_with_stack, start);
  if (result != 0) delete start;
  return result;
}
