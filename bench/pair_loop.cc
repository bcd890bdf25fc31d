// SPDX-License-Identifier: Apache-2.0
// COUNT times one kind of calls of BYTES each, and nothing else: what callgrind_pair.py counts.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

void keep(void*& object) {
  asm volatile("" : "+r"(object));  // or the compiler may drop the pair
}

void malloc_free(size_t bytes) {
  void* object = malloc(bytes);
  keep(object);
  free(object);
}

void calloc_free(size_t bytes) {
  void* object = calloc(1, bytes);
  keep(object);
  free(object);
}

void aligned_free(size_t bytes) {
  void* object = aligned_alloc(64, bytes);
  keep(object);
  free(object);
}

void new_delete(size_t bytes) {
  void* object = ::operator new(bytes);
  keep(object);
  ::operator delete(object, bytes);
}

// To a size of the same class and back: nothing has to move.
void realloc_in_place(size_t bytes) {
  static void* object = malloc(bytes);
  object = realloc(object, bytes - 1);
  keep(object);
  object = realloc(object, bytes);
  keep(object);
}

constexpr struct {
  const char* name;
  void (*call)(size_t bytes);
} kKinds[] = {
    {"malloc", malloc_free}, {"calloc", calloc_free},       {"aligned_alloc", aligned_free},
    {"new", new_delete},     {"realloc", realloc_in_place},
};

}  // namespace

int main(int argc, char** argv) {
  for (const auto& kind : kKinds) {
    if (argc != 4 || strcmp(argv[1], kind.name) != 0) continue;
    const long count = atol(argv[2]);
    const size_t bytes = static_cast<size_t>(atol(argv[3]));
    for (long i = 0; i < count; i++) kind.call(bytes);
    return 0;
  }
  fprintf(stderr, "usage: %s malloc|calloc|aligned_alloc|new|realloc COUNT BYTES\n", argv[0]);
  return 2;
}
