/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096

struct entry {
  struct entry* next;
  char* name;
  char* value;
};
static struct entry* buckets[BUCKETS];

static struct entry** bucket_of(const char* name) {
  unsigned long hash = 5381;
  for (; *name != '\0'; name++) hash = hash * 33 + (unsigned char)*name;
  return &buckets[hash % BUCKETS];
}

static struct entry* find(const char* name) {
  struct entry* entry = *bucket_of(name);
  while (entry != NULL && strcmp(entry->name, name) != 0) entry = entry->next;
  return entry;
}

static void* require(void* memory) {
  if (memory == NULL) abort();
  return memory;
}

char* table_set(const char* name, const char* value) {
  struct entry* entry = find(name);
  if (entry == NULL) {
    struct entry** const bucket = bucket_of(name);
    entry = require(malloc(sizeof *entry));
    entry->next = *bucket;
    entry->name = require(strdup(name));
    entry->value = NULL;
    *bucket = entry;
  }
  char* const before = entry->value;
  entry->value = require(strdup(value));
  return before;
}

const char* table_get(const char* name) {
  const struct entry* const entry = find(name);
  return entry == NULL ? NULL : entry->value;
}
