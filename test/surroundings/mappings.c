/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "mappings.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "expect.h"

enum { kPage = 4096, kSpare = 64, kMostTaken = 1 << 21 };

static char* held;
static size_t held_bytes;
static void* spare[kSpare];
static int spare_count;

static size_t most_mappings(void) {
  char text[32] = "";
  const int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
  EXPECT(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
  close(fd);
  return strtoul(text, NULL, 10);
}

int mappings_can_be_used_up(void) {
  if (most_mappings() <= kMostTaken) return 1;
  dprintf(STDOUT_FILENO, "SKIP: vm.max_map_count is %zu: too many to use them up\n", most_mappings());
  return 0;
}

/* Every second page becomes readable, until no mapping can be divided any more; what mmap still gives goes by mappings that
 * merge with no neighbour. */
int take_all_mappings(void) {
  const int failures_before = failures;
  held_bytes = (most_mappings() + 8) * kPage;
  held = mmap(NULL, held_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  EXPECT(held != MAP_FAILED);
  char* page = held + kPage;
  while (page + 2 * kPage < held + held_bytes && mprotect(page, kPage, PROT_READ) == 0) page += 2 * kPage;
  EXPECT(errno == ENOMEM);
  for (; spare_count < kSpare; ++spare_count) {
    spare[spare_count] = mmap(NULL, kPage, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (spare[spare_count] == MAP_FAILED) break;
  }
  EXPECT(spare_count < kSpare && errno == ENOMEM);
  return failures - failures_before;
}

int give_mappings_back(void) {
  const int failures_before = failures;
  EXPECT(munmap(held, held_bytes) == 0);
  while (spare_count > 0) EXPECT(munmap(spare[--spare_count], kPage) == 0);
  return failures - failures_before;
}

size_t count_mappings(void) {
  static char text[1 << 16];
  const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  size_t lines = 0;
  for (ssize_t bytes; (bytes = read(fd, text, sizeof text)) > 0;) {
    for (ssize_t i = 0; i < bytes; ++i) lines += text[i] == '\n';
  }
  close(fd);
  return lines;
}
