// SPDX-License-Identifier: Apache-2.0
// A program under full load, looked at from outside while it works: threads that allocate, free, pass objects on and grow
// blocks, handlers that allocate between, and once in a while a fork. Ends when its input does.

#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "reslab/reslab.h"

namespace {

constexpr int kShared = 512;
std::atomic<void*> shared[kShared];
std::atomic<bool> stop{false};

void on_alarm(int) {
  void* object = reslab_malloc_nolock(96, 0);
  reslab_free_nolock(shared[7].exchange(object));
}

size_t some_size(unsigned& seed) {
  seed = seed * 1103515245 + 12345;
  const unsigned kind = seed >> 16 & 63;
  const unsigned n = seed >> 8 & 0xffff;
  return kind == 0 ? 300000 + n * 8 : kind < 8 ? 1024 + n : n % 1000;
}

void work(unsigned seed) {
  std::vector<void*> own(64);
  while (!stop.load(std::memory_order_relaxed)) {
    seed = seed * 1103515245 + 12345;
    void*& mine = own[seed >> 10 & 63];
    if ((seed >> 28) == 0 && mine != nullptr) {
      mine = realloc(mine, some_size(seed) + 1);
      continue;
    }
    void* made = malloc(some_size(seed));
    if (made != nullptr) *static_cast<volatile char*>(made) = 1;
    free(mine);
    mine = shared[seed >> 12 & (kShared - 1)].exchange(made);
  }
  for (void* object : own) free(object);
}

}  // namespace

int main() {
  signal(SIGALRM, on_alarm);
  const itimerval often = {{0, 500}, {0, 500}};
  setitimer(ITIMER_REAL, &often, nullptr);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back(work, i + 1);
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) return 1;
  for (char c; read(STDIN_FILENO, &c, 1) != 0;) {  // interrupted by the alarms: works meanwhile
    static int rounds = 0;
    if (++rounds % 512 != 0) continue;
    const pid_t child = fork();
    if (child == 0) _exit(malloc(100) == nullptr);
    while (child > 0 && waitpid(child, nullptr, 0) < 0) {}
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}
