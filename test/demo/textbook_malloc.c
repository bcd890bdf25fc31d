/* SPDX-License-Identifier: Apache-2.0 */
// A malloc as in the textbook: memory is handed out from one end to the other, and nothing is ever given back. What a
// handler finds that calls it in the middle of a call is said when it is compiled, so that the demonstration has this end
// to find for certain:
//   WAITS     one lock, which its own thread holds
//   CRASHES   a check that there is no such call
//   SHARES    nothing: the memory that the unfinished call is about to hand out
//   WORKS     no such call, since signals wait meanwhile
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

enum { kSpanBytes = 1 << 30, kAlignment = 16, kTurnsInside = 2000 };

static char* span;
static size_t used;

#if defined(WAITS)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void enter(void) { pthread_mutex_lock(&lock); }
static void leave(void) { pthread_mutex_unlock(&lock); }

#elif defined(CRASHES)

static volatile sig_atomic_t is_inside;
static void enter(void) {
  if (is_inside) __builtin_trap();
  is_inside = 1;
}
static void leave(void) { is_inside = 0; }

#elif defined(SHARES)

static void enter(void) {}
static void leave(void) {}

#elif defined(WORKS)

static sigset_t before;
static void enter(void) {
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  before = old;  // by now no handler can store its own
}
static void leave(void) {
  const sigset_t old = before;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
}

#endif

// Its size lies before each object, for realloc.
void* malloc(size_t size) {
  enter();
  if (span == NULL) {
    span = mmap(NULL, kSpanBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  const size_t begin = used + kAlignment;
  // The time that a real one spends in searching: most signals are to arrive here.
  for (volatile int turn = 0; turn < kTurnsInside; ++turn) {}
  used = begin + ((size + kAlignment - 1) & ~(size_t)(kAlignment - 1));
  size_t* object = (size_t*)(span + begin);
  object[-1] = size;
  leave();
  return object;
}

void free(void* object) { (void)object; }

// What it hands out may have been written to, where it is handed out twice.
void* calloc(size_t count, size_t size) { return memset(malloc(count * size), 0, count * size); }

void* realloc(void* object, size_t size) {
  void* grown = malloc(size);
  if (object != NULL) {
    size_t old_size = ((size_t*)object)[-1];
    memcpy(grown, object, old_size < size ? old_size : size);
  }
  return grown;
}
