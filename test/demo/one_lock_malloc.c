/* SPDX-License-Identifier: Apache-2.0 */
// A malloc as in the textbook: one lock, held while memory is handed out, and nothing is ever given back. A handler that
// calls it while its thread holds the lock waits for ever, so that the demonstration has a deadlock to find for certain.
#define _GNU_SOURCE
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

enum { kSpanBytes = 1 << 30, kAlignment = 16, kTurnsUnderLock = 2000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char* span;
static size_t used;

void* malloc(size_t size) {
  pthread_mutex_lock(&lock);
  if (span == NULL) {
    span = mmap(NULL, kSpanBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  // The time that a real one spends in searching: most signals are to arrive here.
  for (volatile int turn = 0; turn < kTurnsUnderLock; ++turn) {}
  // Its size lies before each object, for realloc.
  size_t* object = (size_t*)(span + used + kAlignment);
  used += kAlignment + ((size + kAlignment - 1) & ~(size_t)(kAlignment - 1));
  object[-1] = size;
  pthread_mutex_unlock(&lock);
  return object;
}

void free(void* object) { (void)object; }

void* calloc(size_t count, size_t size) { return malloc(count * size); }

void* realloc(void* object, size_t size) {
  void* grown = malloc(size);
  if (object != NULL) {
    size_t old_size = ((size_t*)object)[-1];
    memcpy(grown, object, old_size < size ? old_size : size);
  }
  return grown;
}
