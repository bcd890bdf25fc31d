/* SPDX-License-Identifier: Apache-2.0 */
/* The address space that the library reserves leaves room for the rest of the program: threads, mappings, locked memory
 * (rules 36 and 38). Started by reservation.py under the limits of its cases.
 *
 * Usage: reservation work | charge | later MIB | later-by-prlimit MIB | lock
 *
 *   work     what every case ends with: threads, mappings, small, large and zeroed blocks, under any limit there is
 *   charge   what was allocated and freed is not charged to the process any more, once it is trimmed
 *   later    the same after the program has set a limit of MIB mebibytes on its own address space
 *   lock     the same after mlockall(MCL_CURRENT | MCL_FUTURE) */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "mode.h"

enum { kThreads = 8, kMiB = 1 << 20 };

static void* use_small_objects(void* argument) {
  (void)argument;
  enum { kObjects = 2000 };
  void* objects[kObjects];
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < kObjects; ++i) {
      const size_t bytes = (size_t)(i * 37 % 2000);
      objects[i] = opaque(malloc(bytes));
      EXPECT(objects[i] != NULL);
      if (objects[i] != NULL) memset(objects[i], i, bytes);
    }
    for (int i = 0; i < kObjects; ++i) free(objects[i]);
  }
  return NULL;
}

static void make_threads(void) {
  pthread_t threads[kThreads];
  int made = 0;
  while (made < kThreads && pthread_create(&threads[made], NULL, use_small_objects, NULL) == 0) ++made;
  EXPECT(made == kThreads);
  for (int i = 0; i < made; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);
}

static void map_and_unmap(void) {
  void* mapping = mmap(NULL, 64 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  EXPECT(mapping != MAP_FAILED);
  if (mapping != MAP_FAILED) EXPECT(munmap(mapping, 64 * kMiB) == 0);
}

static void use_large_blocks(void) {
  for (int round = 0; round < 20; ++round) {
    const size_t bytes = (size_t)(round + 1) * kMiB;
    unsigned char* dirty = opaque(malloc(bytes));
    EXPECT(dirty != NULL);
    if (dirty == NULL) return;
    memset(dirty, 0xff, bytes);
    free(dirty);
    unsigned char* zeroed = opaque(calloc(1, bytes));
    EXPECT(zeroed != NULL);
    if (zeroed == NULL) return;
    EXPECT(zeroed[0] == 0 && memcmp(zeroed, zeroed + 1, bytes - 1) == 0); /* though its pages may be locked */
    free(zeroed);
  }
}

static void work(void) {
  make_threads();
  map_and_unmap();
  use_large_blocks();
  reslab_trim(0);
  use_large_blocks();
  map_and_unmap();
  make_threads();
}

/* A file of /proc as text, without stdio: a stream's buffer would be an object in the heap that is measured. */
static const char* text_of(const char* path) {
  static char text[1 << 20];
  size_t length = 0;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  EXPECT(fd >= 0);
  for (ssize_t more = 1; more > 0; length += more > 0 ? (size_t)more : 0) {
    more = read(fd, text + length, sizeof text - 1 - length);
  }
  close(fd);
  text[length] = '\0';
  return text;
}

/* What the kernel has charged for, in mebibytes: the mappings with the flag "ac". */
static size_t charged_mib(void) {
  size_t all = 0, kib = 0;
  for (const char* line = text_of("/proc/self/smaps"); line != NULL; line = strchr(line, '\n')) {
    line += *line == '\n' ? 1 : 0;
    if (sscanf(line, "Size: %zu kB", &kib) == 1) continue;
    const char* end = strchr(line, '\n');
    const char* flag = strncmp(line, "VmFlags:", 8) == 0 ? strstr(line, " ac") : NULL;
    if (flag != NULL && end != NULL && flag < end) all += kib;
  }
  return all / 1024;
}

static void expect_charge_to_go_back(void) {
  enum { kBlocks = 256, kBlockBytes = 2 * kMiB };
  void* blocks[kBlocks];
  for (int i = 0; i < kBlocks; ++i) EXPECT((blocks[i] = opaque(malloc(kBlockBytes))) != NULL);
  EXPECT(charged_mib() >= 512);
  for (int i = 0; i < kBlocks; ++i) free(blocks[i]);
  reslab_trim(0);
  const size_t left = charged_mib();
  if (left >= 128) fprintf(stderr, "%zu MiB are still charged\n", left);
  EXPECT(left < 128);
}

static void limit_address_space(const char* by, size_t mib) {
  const struct rlimit limit = {mib * kMiB, mib * kMiB};
  if (strcmp(by, "later") == 0) EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
  if (strcmp(by, "later-by-prlimit") == 0) EXPECT(prlimit(0, RLIMIT_AS, &limit, NULL) == 0);
}

static size_t resident_mib(void) {
  unsigned long all = 0, resident = 0;
  EXPECT(sscanf(text_of("/proc/self/statm"), "%lu %lu", &all, &resident) == 2);
  return resident / 256;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  expect_mode();
  if (argc == 3) {
    limit_address_space(argv[1], strtoul(argv[2], NULL, 10));
  } else if (strcmp(argv[1], "lock") == 0 && mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
    return errno == EPERM || errno == ENOMEM ? kSkipped : 1;
  }
  if (strcmp(argv[1], "charge") == 0) expect_charge_to_go_back();
  work();
  EXPECT(resident_mib() < 400); /* even where nothing that was ever writable can be given back */
  return verdict();
}
