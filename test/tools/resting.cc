// SPDX-License-Identifier: Apache-2.0
// A program at rest: after some work it says what it knows of its own heap, a line `name value` each, and waits for its
// input to end. Whoever looks from outside must find the same. Its argument spoils something first:
//
//   taken-twice     a free bit is set for an object that a magazine holds
//   lost-bit        a free bit is cleared, and the counts do not know
//   bad-magazine    a magazine's header leads beyond its slots
//   bit-beyond      a bit is set behind the last object of a slab
//   other-version   the image says that another version wrote it
//
// or, which spoils nothing,
//
//   hole            the arena has had to go on behind a foreign page

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "heap/image.h"
#include "reslab/reslab.h"
#include "tell.h"

namespace {

template <class T>
T& at(uint64_t address) {
  return *reinterpret_cast<T*>(address);
}

void work() {
  std::vector<void*> kept;
  unsigned seed = 7;
  for (int i = 0; i < 20000; ++i) {
    seed = seed * 1103515245 + 12345;
    const size_t size = (seed >> 24) == 0 ? 400000 : seed >> 20;
    void* object = malloc(size);
    if ((seed >> 9 & 3) == 0) kept.push_back(object);
    else if ((seed >> 9 & 3) == 1) reslab_free_nolock(object);
    else free(object);
    if (kept.size() > 300) {
      free(kept[seed % 300]);
      kept[seed % 300] = kept.back();
      kept.pop_back();
    }
  }
  new std::vector<void*>(std::move(kept));  // for ever
}

// The unit of an active slab of 64-byte objects, and its bitmap.
uint64_t* bits_of_a_slab(const reslab::Image& image, uint32_t cls) {
  for (uint32_t slot = 0; slot < image.slots; ++slot) {
    if (at<uint8_t>(image.region_ready_at + slot) == 0) continue;
    const uint64_t place = image.regions_at + slot * image.region_bytes + image.class_slots +
                           (cls - 1) * image.class_slot_stride + image.class_slot_active;
    const auto unit = at<uint32_t>(place);
    if (unit == 0) continue;
    const uint64_t chunk = image.chunks_at + unit / image.chunk_units * image.chunk_bytes;
    return &at<uint64_t>(chunk + image.chunk_dense + unit % image.chunk_units * image.dense_bytes);
  }
  return nullptr;
}

// Under a limit the library keeps no more reserved than it uses, and reserves the rest when it grows.
bool grow_past_a_foreign_page() {
  const reslab::Image& image = **static_cast<reslab::Image**>(dlsym(RTLD_DEFAULT, "reslab_image"));
  const rlimit limit = {rlim_t{1} << 42, RLIM_INFINITY};
  if (setrlimit(RLIMIT_AS, &limit) != 0) return false;
  const uint64_t reserved = at<uint64_t>(image.window_marks_at) >> 24 & 0xffffff;
  auto* place = reinterpret_cast<void*>(image.window_at + reserved * image.unit_bytes);
  if (mmap(place, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != place) return false;
  static void* volatile kept;
  kept = malloc(size_t{64} << 20);
  return kept != nullptr && at<uint64_t>(image.holes_at) != 0;
}

bool spoil(const char* what) {
  reslab::Image& image = **static_cast<reslab::Image**>(dlsym(RTLD_DEFAULT, "reslab_image"));
  constexpr uint32_t kClass = 4, kOddClass = 7;  // 64 and 112 bytes, dense; of the latter 585 fill a slab
  if (strcmp(what, "other-version") == 0) {
    image.version = 99;
    return true;
  }
  uint64_t* bits = bits_of_a_slab(image, strcmp(what, "bit-beyond") == 0 ? kOddClass : kClass);
  if (bits == nullptr) return false;
  if (strcmp(what, "bit-beyond") == 0) {
    bits[585 / 64] |= uint64_t{1} << 63;
    return true;
  }
  if (strcmp(what, "lost-bit") == 0) {
    for (int word = 0; word < 16; ++word) {
      if (bits[word] == 0) continue;
      bits[word] &= bits[word] - 1;
      return true;
    }
  }
  for (uint32_t slot = 0; slot < image.slots; ++slot) {
    if (at<uint8_t>(image.region_ready_at + slot) == 0) continue;
    const uint64_t region = image.regions_at + slot * image.region_bytes;
    const uint64_t header = at<uint64_t>(region + kClass * 8);
    const auto top = static_cast<uint32_t>(header);
    const uint32_t begin = at<uint32_t>(image.class_info_at + kClass * image.class_info_stride + image.info_begin);
    if (strcmp(what, "bad-magazine") == 0) {
      at<uint64_t>(region + kClass * 8) = 0x77777777'00000001;
      return true;
    }
    if (strcmp(what, "taken-twice") != 0) continue;
    for (uint32_t i = begin; i < begin + 1024 && (image.mode != 1 || i < top); ++i) {
      const auto object = at<uint64_t>(region + i * 8);
      if (object == 0) continue;
      const uint64_t offset = object - image.window_at, unit = offset / image.unit_bytes;
      const uint64_t chunk = image.chunks_at + unit / image.chunk_units * image.chunk_bytes;
      const uint64_t index = offset % image.unit_bytes / 64;
      at<uint64_t>(chunk + image.chunk_dense + unit % image.chunk_units * image.dense_bytes + index / 64 * 8) |=
          uint64_t{1} << (index % 64);
      return true;
    }
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  std::thread(work).join();
  work();
  const bool has_hole = argc > 1 && strcmp(argv[1], "hole") == 0;
  if (has_hole && !grow_past_a_foreign_page()) return 1;
  reslab_test::tell_all();
  if (argc > 1 && !has_hole && !spoil(argv[1])) return 1;
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) return 1;
  for (char c; read(STDIN_FILENO, &c, 1) > 0;) {}
  _exit(0);  // what is spoiled is not to be used again
}
