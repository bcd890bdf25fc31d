// SPDX-License-Identifier: Apache-2.0
// A program whose memory is known by the functions that allocate it: what `reslab heap` has to find out. Says "ready" and
// waits for a line; then keeps some more, says "more", and ends with its input.

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cstdio>

namespace {

constexpr size_t kKiB = 1024, kMiB = 1024 * kKiB;
constexpr size_t kKept = 32 * kMiB;  // by each of the first three

void* volatile kept[1 << 16];
size_t kept_count = 0;

void keep(void* object, size_t bytes) {
  memset(object, 1, bytes < 64 ? bytes : 64);
  kept[kept_count++] = object;
}

void wait_for_line() {
  char c = 0;
  while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n') continue;
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

[[gnu::noinline]] void keep_more() {
  for (size_t sum = 0; sum < kKept / 2; sum += 4 * kKiB) keep(aligned_alloc(64, 4 * kKiB), 4 * kKiB);
}
}

int main() {
  keep_small();
  keep_large();
  keep_grown();
  churn();
  printf("address.large %lu\nready\n", reinterpret_cast<unsigned long>(kept[kKept / kKiB]));
  fflush(stdout);
  wait_for_line();
  keep_more();
  puts("more");
  fflush(stdout);
  wait_for_line();
  return 0;
}
