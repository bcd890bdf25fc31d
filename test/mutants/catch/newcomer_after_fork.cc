// SPDX-License-Identifier: Apache-2.0
// A fork from a handler in the middle of a refill: the child's thread has a block of objects in hand, below the handler. A
// new thread of the child that comes to reslab first may not repair (heap/fork.h): to it that block looks like a dead
// thread's. When the interrupted call goes on, its objects must still be its own.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

constexpr size_t kBytes = 1024, kObjects = 400;

void* newcomer[kObjects];

void* take(void*) {
  for (void*& one : newcomer) {
    one = opaque(reslab_malloc(kBytes));
    expect(one != nullptr, "the newcomer gets no memory");
    memset(one, 0x22, kBytes);
  }
  return nullptr;
}

struct Fork {
  bool done = false;
  pid_t child = -1;
};

void come(void* context) {
  auto& self = *static_cast<Fork*>(context);
  if (self.done) return;
  self.done = true;
  self.child = fork();
  if (self.child != 0) return;
  alarm(10);
  pthread_t thread;
  const bool joined = pthread_create(&thread, nullptr, take, nullptr) == 0 && pthread_join(thread, nullptr) == 0;
  expect(joined, "no thread to be had");
}

// What the interrupted refill has brought, and the next ones: none of it is the newcomer's.
[[noreturn]] void go_on(void* first) {
  memset(first, 0x11, kBytes);
  for (size_t i = 0; i < kObjects; ++i) memset(opaque(reslab_malloc(kBytes)), 0x11, kBytes);
  for (const void* one : newcomer) {
    const auto* bytes = static_cast<const unsigned char*>(one);
    expect(bytes[0] == 0x22 && bytes[kBytes - 1] == 0x22, "%p was given to two threads", one);
  }
  expect_sound_heap();
  _exit(0);
}

void fork_at(const char* hook) {
  set_scene("at '%s'", hook);
  reslab_trim(0);
  Fork fork;
  void* first;
  {
    const support::Hook armed(hook, come, &fork);
    first = opaque(reslab_malloc(kBytes));
  }
  expect(fork.done, "no refill passes it");
  if (fork.child == 0) go_on(first);
  int status = 0;
  waitpid(fork.child, &status, 0);
  expect(status == 0, "the child is not sound");
  reslab_free(first);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  for (const char* hook : {"slab_taken", "local_lock_unlock", "distribute"}) fork_at(hook);
}
