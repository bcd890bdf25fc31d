// SPDX-License-Identifier: Apache-2.0
// Prints what malloc_info says of this program, a document after the other with an empty line between: `at rest`, and then,
// what `mallinfo2` and reslab_get_stats say at that moment; or `at work`, while threads allocate and free.

#include <malloc.h>
#include <reslab/reslab.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

constexpr int kDocuments = 200;
char output[1 << 16];  // stdio's, or malloc_info would change what it speaks of

std::atomic<bool> stop{false};

void work(unsigned seed) {
  std::vector<void*> own(256);
  while (!stop.load(std::memory_order_relaxed)) {
    seed = seed * 1103515245 + 12345;
    void*& mine = own[seed >> 12 & 255];
    free(mine);
    mine = malloc((seed >> 28) == 0 ? 300000 + (seed >> 16) : seed >> 20);
  }
  for (void* object : own) free(object);
}

int print() {
  const int status = malloc_info(0, stdout);
  puts("");
  return status;
}

int print_at_work() {
  std::thread threads[] = {std::thread(work, 1), std::thread(work, 2)};
  int status = 0;
  for (int i = 0; i < kDocuments; ++i) status |= print();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  return status;
}

int print_at_rest() {
  void* volatile kept;
  for (int i = 0; i < 1000; ++i) kept = malloc(100);
  for (int i = 0; i < 50; ++i) kept = malloc(10000);
  for (int i = 0; i < 3; ++i) kept = malloc(size_t{1} << 20);
  const int status = print();
  const struct mallinfo2 info = mallinfo2();
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  printf("large %zu\nlive %zu\ncommitted %zu\nreserved %zu\nmetadata %zu\n", info.hblkhd, stats.bytes_live,
         stats.bytes_committed, stats.bytes_reserved, stats.bytes_metadata);
  return status | (kept == nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  setvbuf(stdout, output, _IOFBF, sizeof output);
  return argc == 2 && strcmp(argv[1], "at-work") == 0 ? print_at_work() : print_at_rest();
}
