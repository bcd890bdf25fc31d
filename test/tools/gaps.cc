// SPDX-License-Identifier: Apache-2.0
// A program under full load that times itself: for each line that it reads it says how many operations its thread has done
// since the last line, and the longest time that one of them took, in nanoseconds, on a clock that goes on while the thread
// is stopped or waits. Operations in which the thread had to leave the CPU to another are not counted: that is the
// scheduler's doing. What is left is what somebody who looks at the process may cause: a stop, or a lock on its memory map.

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

namespace {

std::atomic<uint64_t> longest{0}, operations{0}, displaced{0};
std::atomic<bool> stop{false};

uint64_t now() {
  timespec time = {};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000000000 + static_cast<uint64_t>(time.tv_nsec);
}

long switches() {
  rusage usage = {};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

// Allocates and frees small objects, and now and then a large block whose pages are new: that takes the map's lock.
void operate(void** own, unsigned& seed) {
  for (int i = 0; i < 64; ++i) {
    seed = seed * 1103515245 + 12345;
    void*& mine = own[seed >> 20 & 255];
    free(mine);
    mine = malloc(i == 0 ? size_t{1} << 19 : seed >> 21);
    if (mine != nullptr) memset(mine, 1, 64);
  }
}

void work() {
  static void* own[256];
  unsigned seed = 3;
  long before = switches();
  uint64_t start = now();
  while (!stop.load(std::memory_order_relaxed)) {
    operate(own, seed);
    const uint64_t end = now();
    const long after = switches();
    if (after != before) displaced.fetch_add(1, std::memory_order_relaxed);
    else if (end - start > longest.load(std::memory_order_relaxed)) longest.store(end - start);
    operations.fetch_add(1, std::memory_order_relaxed);
    before = after;
    start = end;
  }
}

}  // namespace

int main() {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  std::thread thread(work);
  puts("ready");
  for (char c = 0; read(STDIN_FILENO, &c, 1) > 0;) {
    if (c != '\n') continue;
    const unsigned long counted = operations.exchange(0), moved = displaced.exchange(0);
    printf("%lu %lu %lu\n", counted, moved, static_cast<unsigned long>(longest.exchange(0)));
  }
  stop = true;
  thread.join();
}
