/* SPDX-License-Identifier: Apache-2.0 */
/* Out of memory, by a limit on address space: every allocating function returns NULL with ENOMEM, nothing that was
 * allocated is harmed, and when memory returns the process goes on. */
#define _GNU_SOURCE
#include <malloc.h>
#include <sys/resource.h>

#include "mode.h"

enum { kBlocks = 4096, kBlockBytes = 1 << 20, kSpareBytes = 64 << 20 };

static unsigned char* blocks[kBlocks];
static int block_count;

static size_t address_space_bytes(void) {
  unsigned long pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  EXPECT(file != NULL && fscanf(file, "%lu", &pages) == 1);
  if (file != NULL) fclose(file);
  return pages * 4096;
}

static void set_limit(rlim_t bytes) {
  struct rlimit limit;
  EXPECT(getrlimit(RLIMIT_AS, &limit) == 0);
  limit.rlim_cur = bytes;
  EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
}

/* The limit, once the library has given back what it only reserved. */
static void limit_to_what_is_used_and(size_t spare_bytes) {
  set_limit((rlim_t)1 << 46); /* the library sees a limit coming, and lets its reservation go */
  set_limit(address_space_bytes() + spare_bytes);
}

static void fill(void) {
  for (; block_count < kBlocks; ++block_count) {
    errno = 0;
    blocks[block_count] = opaque(malloc(kBlockBytes));
    if (blocks[block_count] == NULL) break;
    memset(blocks[block_count], block_count & 0xff, kBlockBytes);
  }
  EXPECT(errno == ENOMEM);
  EXPECT(block_count > 0 && block_count < kBlocks);
}

static void expect_blocks_intact(void) {
  for (int i = 0; i < block_count; ++i) {
    const unsigned char* bytes = blocks[i];
    EXPECT(bytes[0] == (i & 0xff) && memcmp(bytes, bytes + 1, kBlockBytes - 1) == 0);
  }
}

#define EXPECT_ENOMEM(call)       \
  do {                            \
    errno = 0;                    \
    void* pointer = opaque(call); \
    EXPECT(pointer == NULL);      \
    EXPECT(errno == ENOMEM);      \
    free(pointer);                \
  } while (0)

static void expect_every_function_to_fail(void) {
  const size_t large = 32 << 20;
  EXPECT_ENOMEM(malloc(large));
  EXPECT_ENOMEM(calloc(1, large));
  EXPECT_ENOMEM(realloc(NULL, large));
  EXPECT_ENOMEM(reallocarray(NULL, 2, large));
  EXPECT_ENOMEM(aligned_alloc(64, large));
  EXPECT_ENOMEM(memalign(1 << 20, large));
  EXPECT_ENOMEM(valloc(large));
  EXPECT_ENOMEM(pvalloc(large));
  EXPECT_ENOMEM(reslab_malloc(large));
  void* out = blocks;
  EXPECT(posix_memalign(&out, 64, large) == ENOMEM && out == blocks);
  EXPECT(reslab_malloc_nolock(RESLAB_NOLOCK_MAX, 0) == NULL);
  unsigned char* grown = opaque(realloc(blocks[0], large));
  EXPECT(grown == NULL && errno == ENOMEM);
}

/* Small objects go on for as long as there is a slab with room, and then fail as well. */
static void exhaust_small_objects(size_t bytes) {
  void** last = NULL;
  size_t count = 0;
  for (;;) { /* ends: memory does */
    errno = 0;
    void** object = opaque(malloc(bytes));
    if (object == NULL) break;
    *object = last;
    last = object;
    ++count;
  }
  EXPECT(errno == ENOMEM);
  EXPECT(count < ((size_t)256 << 20) / bytes);
  while (last != NULL) {
    void** next = *last;
    free(last);
    last = next;
  }
}

int main(void) {
  limit_to_what_is_used_and(kSpareBytes);
  expect_mode();
  fill();
  expect_every_function_to_fail();
  exhaust_small_objects(16);
  exhaust_small_objects(1000);
  exhaust_small_objects(40000);
  expect_blocks_intact();

  for (int i = 0; i < 8; ++i) free(blocks[--block_count]);
  void* fits_again = opaque(malloc(2 << 20));
  EXPECT(fits_again != NULL);
  free(fits_again);
  expect_blocks_intact();

  set_limit(RLIM_INFINITY);
  unsigned char* large = opaque(malloc((size_t)256 << 20));
  EXPECT(large != NULL);
  if (large != NULL) memset(large, 1, (size_t)256 << 20);
  free(large);
  while (block_count > 0) free(blocks[--block_count]);
  EXPECT(reslab_check(STDERR_FILENO) == 0);
  return verdict();
}
