// SPDX-License-Identifier: Apache-2.0
// A program that keeps a ledger of its own: it says where its memory lies, then "ready", and waits for a line. Then it
// allocates, in every way there is, frees some of it, fills what it keeps, and says what that is: of each size that an
// object has, how many, and how many bytes of large blocks. At the next line it frees all of that, and waits for one more.

#include <dlfcn.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "heap/image.h"
#include "reslab/reslab.h"
#include "tell.h"

namespace {

constexpr size_t kLargest = 262144;  // of an object; what is larger takes whole units
constexpr size_t kUnit = 65536;

struct Entry {
  size_t bytes, objects;
};
Entry ledger[512];  // static: it must not take part itself
void* kept[65536];

void note(void* object) {
  const size_t bytes = malloc_usable_size(object);
  memset(object, 1, bytes);
  Entry* entry = ledger;
  while (entry->bytes != 0 && entry->bytes != bytes) ++entry;
  *entry = {bytes, entry->objects + 1};
}

void* allocate(unsigned how, size_t size) {
  switch (how % 4) {
    case 0:
      return malloc(size);
    case 1:
      return reslab_malloc_nolock(size, RESLAB_GROW);
    case 2:
      return calloc(1, size);
    default:
      return aligned_alloc(64, (size + 63) / 64 * 64);
  }
}

void keep_some() {
  unsigned seed = 5;
  size_t count = 0;
  for (int i = 0; i < 60000; ++i) {
    seed = seed * 1103515245 + 12345;
    const unsigned kind = seed >> 20 & 255;
    const size_t size = kind == 0 ? kLargest + (seed >> 4 & 0x3ffff) : kind < 8 ? seed >> 15 : seed >> 21;
    void* object = allocate(seed >> 8, size + 1);
    if (object == nullptr) continue;
    if ((seed >> 10 & 1) != 0) kept[count++] = object;
    else if ((seed >> 11 & 1) != 0) free(object);
    else reslab_free_nolock(object);
  }
  for (size_t i = 0; i < count; ++i) note(kept[i]);
}

void tell_ledger() {
  size_t large = 0;
  for (const Entry* entry = ledger; entry->bytes != 0; ++entry) {
    char name[32];
    snprintf(name, sizeof name, "%zu", entry->bytes);
    if (entry->bytes <= kLargest) reslab_test::tell("ledger.", name, entry->objects);
    else large += entry->bytes * entry->objects;
  }
  reslab_test::tell("ledger.", "large", large);
}

void wait_for_line() {
  for (char c = 0; read(STDIN_FILENO, &c, 1) > 0 && c != '\n';) {}
}

}  // namespace

int main() {
  const reslab::Image& image = **static_cast<reslab::Image**>(dlsym(RTLD_DEFAULT, "reslab_image"));
  reslab_test::tell("address.", "window", image.window_at);
  reslab_test::tell("address.", "window_end", image.window_at + image.window_units * image.unit_bytes);
  if (image.unit_bytes != kUnit || write(STDOUT_FILENO, "ready\n", 6) != 6) return 1;
  wait_for_line();
  keep_some();
  tell_ledger();
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) return 1;
  wait_for_line();
  for (void* object : kept) free(object);
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) return 1;
  wait_for_line();
}
