/* SPDX-License-Identifier: Apache-2.0 */
#include "workload.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { kPlaces = 64, kAlignment = 256 };

struct object {
  unsigned char* bytes; /* NULL: none */
  size_t size;
  unsigned char stamp;
};

struct worker {
  uint64_t random;
  size_t largest;
  struct outcome outcome;
  struct object objects[kPlaces];
};

static size_t below(struct worker* worker, size_t end) {
  worker->random = worker->random * 6364136223846793005u + 1442695040888963407u;
  return (size_t)(worker->random >> 33) % end;
}

static size_t any_size(struct worker* worker) {
  if (below(worker, 64) == 0) return 1 + below(worker, worker->largest);
  return 1 + below(worker, (size_t)16 << below(worker, 12));
}

static int holds(const unsigned char* bytes, size_t size, unsigned char stamp) {
  return size == 0 || (bytes[0] == stamp && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static void expect(struct worker* worker, int condition) { worker->outcome.wrong += !condition; }

/* Whether there is memory; counts what was said. */
static int is_served(struct worker* worker, const void* pointer) {
  if (pointer != NULL) {
    ++worker->outcome.served;
    return 1;
  }
  expect(worker, errno == ENOMEM);
  ++worker->outcome.refused;
  return 0;
}

static void keep(struct worker* worker, struct object* object, unsigned char* bytes, size_t size) {
  object->bytes = bytes;
  object->size = size;
  object->stamp = (unsigned char)below(worker, 256);
  memset(bytes, object->stamp, size);
}

static void allocate(struct worker* worker, struct object* object) {
  const size_t size = any_size(worker), kind = below(worker, 4);
  errno = 0;
  unsigned char* bytes = kind == 0   ? calloc(1, size)
                         : kind == 1 ? aligned_alloc(kAlignment, (size + kAlignment - 1) / kAlignment * kAlignment)
                                     : malloc(size);
  if (!is_served(worker, bytes)) return;
  expect(worker, kind != 0 || holds(bytes, size, 0));
  expect(worker, (uintptr_t)bytes % (kind == 1 ? kAlignment : 16) == 0 || size < 16);
  keep(worker, object, bytes, size);
}

static void resize(struct worker* worker, struct object* object) {
  const size_t size = any_size(worker);
  errno = 0;
  unsigned char* bytes = realloc(object->bytes, size);
  if (!is_served(worker, bytes)) return;
  expect(worker, holds(bytes, size < object->size ? size : object->size, object->stamp));
  keep(worker, object, bytes, size);
}

static void release(struct worker* worker, struct object* object) {
  expect(worker, holds(object->bytes, object->size, object->stamp));
  free(object->bytes);
  object->bytes = NULL;
}

struct outcome do_random_work(unsigned seed, int calls, size_t largest) {
  struct worker worker = {.random = seed, .largest = largest};
  for (int i = 0; i < calls; ++i) {
    struct object* object = &worker.objects[below(&worker, kPlaces)];
    if (object->bytes == NULL) allocate(&worker, object);
    else if (below(&worker, 2) == 0) resize(&worker, object);
    else release(&worker, object);
  }
  for (int i = 0; i < kPlaces; ++i) {
    if (worker.objects[i].bytes != NULL) release(&worker, &worker.objects[i]);
  }
  return worker.outcome;
}
