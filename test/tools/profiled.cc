// SPDX-License-Identifier: Apache-2.0
// A program whose memory is known by the functions that allocate it: what `reslab heap` has to find out. Says "ready" and
// waits for a line; then keeps some more, says "more", and ends with its input.
//
//   tools_profiled PATH     instead writes its heap profile to PATH by reslab_heap_dump, in a handler, and says what that
//                           and dumps to nowhere and to a full device have returned

#include <fcntl.h>
#include <reslab/reslab.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace {

constexpr size_t kKiB = 1024, kMiB = 1024 * kKiB;
constexpr size_t kKept = 32 * kMiB;  // by each of the first five

void* volatile kept[1 << 21];
size_t kept_count = 0;

void keep(void* object, size_t bytes) {
  memset(object, 1, bytes < 64 ? bytes : 64);
  kept[kept_count++] = object;
}

void wait_for_line() {
  char c = 0;
  while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n') continue;
}

int dump_to, dumped;
bool errno_kept;

void on_dump(int) {
  errno = 4711;
  dumped = reslab_heap_dump(dump_to);
  errno_kept = errno == 4711;
}

int dump_in_a_handler(int fd) {
  dump_to = fd;
  signal(SIGUSR1, on_dump);
  raise(SIGUSR1);
  return errno_kept ? dumped : -1;
}

int say_what_dumps_return(const char* path) {
  const int whole = dump_in_a_handler(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  const int nowhere = dump_in_a_handler(-1);
  printf("dumped %d %d %d\n", whole, nowhere, dump_in_a_handler(open("/dev/full", O_WRONLY | O_CLOEXEC)));
  return 0;
}

}  // namespace

// With names that a symbol table has.
extern "C" {

[[gnu::noinline]] void keep_small() {
  for (size_t sum = 0; sum < kKept; sum += kKiB) keep(malloc(kKiB), kKiB);
}

[[gnu::noinline]] void keep_large() {
  for (size_t sum = 0; sum < kKept; sum += 2 * kMiB) keep(calloc(2, kMiB), 2 * kMiB);
}

// Of a size that takes nearly twice as much.
[[gnu::noinline]] void keep_odd() {
  for (size_t sum = 0; sum < kKept; sum += 32) keep(malloc(17), 17);
}

[[gnu::noinline]] void keep_grouped() {
  reslab_group* group = reslab_group_create("grouped", 2 * kKept);
  for (size_t sum = 0; sum < kKept; sum += kKiB) keep(reslab_group_malloc(group, kKiB), kKiB);
}

// Each step of it is too small to be sampled for certain, and the block is where it was, or moves.
[[gnu::noinline]] void keep_grown() {
  char* grown = nullptr;
  for (size_t bytes = kKiB; bytes <= kKept; bytes += 16 * kKiB) grown = static_cast<char*>(realloc(grown, bytes));
  keep(realloc(grown, kKept), kKept);
}

// Nothing of it stays.
[[gnu::noinline]] void churn() {
  for (size_t sum = 0; sum < 256 * kMiB; sum += 64) {
    void* volatile object = malloc(64);
    free(object);
  }
}

// One of keep_large's, and whether it moves or not it stays keep_large's.
void grow_large() {
  void* volatile& large = kept[kKept / kKiB];
  large = realloc(large, 4 * kMiB);
}

[[gnu::noinline]] void keep_more() {
  for (size_t sum = 0; sum < kKept / 2; sum += 4 * kKiB) keep(aligned_alloc(64, 4 * kKiB), 4 * kKiB);
}
}

int main(int argc, char** argv) {
  keep_small();
  keep_large();
  keep_odd();
  keep_grouped();
  keep_grown();
  churn();
  if (argc == 2) return say_what_dumps_return(argv[1]);
  printf("address.large %lu\nready\n", reinterpret_cast<unsigned long>(kept[kKept / kKiB]));
  fflush(stdout);
  wait_for_line();
  keep_more();
  grow_large();
  puts("more");
  fflush(stdout);
  wait_for_line();
  return 0;
}
