// A program at rest: after some work it says what it knows of its own heap, a line `name value` each, and waits for its
// input to end. Whoever looks from outside must find the same. Its argument spoils something first:
//
//   taken-twice     a free bit is set for an object that a magazine holds
//   lost-bit        a free bit is cleared, and the counts do not know
//   bad-magazine    a magazine's header leads beyond its slots
//   other-version   the image says that another version wrote it

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "heap/image.h"
#include "reslab/reslab.h"

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

void tell(const char* group, const char* name, uint64_t value) {
  char line[128];
  const int length =
      snprintf(line, sizeof line, "%.32s%.40s %llu\n", group, name, static_cast<unsigned long long>(value));
  if (write(STDOUT_FILENO, line, static_cast<size_t>(length)) != length) _exit(1);
}

void tell_class(const reslab_class_stats& c) {
  const std::pair<const char*, uint64_t> figures[] = {
      {"object_bytes", c.object_bytes},   {"slab_bytes", c.slab_bytes},
      {"capacity", c.capacity},           {"live", c.live},
      {"in_magazines", c.in_magazines},   {"in_depot", c.in_depot},
      {"deferred", c.deferred},           {"in_hand", c.in_hand},
      {"free_in_slabs", c.free_in_slabs}, {"slabs_active", c.slabs_active},
      {"slabs_partial", c.slabs_partial}, {"slabs_full", c.slabs_full},
      {"slabs_empty", c.slabs_empty}};
  char group[40];
  snprintf(group, sizeof group, "class.%.24s.", c.name);
  for (const auto& [name, value] : figures) tell(group, name, value);
}

void tell_all() {
  static reslab_class_stats classes[4096];
  const int count = reslab_get_class_stats(classes, 4096, sizeof classes[0]);
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  for (int i = 0; i < count; ++i) {
    if (classes[i].capacity != 0) tell_class(classes[i]);
  }
  tell("memory.", "committed", stats.bytes_committed);
  tell("memory.", "reserved", stats.bytes_reserved);
  tell("memory.", "metadata", stats.bytes_metadata);
  tell("memory.", "all_live", stats.bytes_live);
  tell("counters.", "allocs", stats.allocs);
  tell("counters.", "frees", stats.frees);
  tell("counters.", "refills", stats.refills);
  tell("counters.", "flushes", stats.flushes);
  tell("counters.", "deactivations", stats.deactivations);
  tell("counters.", "bytes_purged", stats.bytes_purged);
  tell("counters.", "deferred_pushed", stats.deferred_pushed);
  tell("counters.", "single_bit_frees", stats.single_bit_frees);
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

bool spoil(const char* what) {
  reslab::Image& image = **static_cast<reslab::Image**>(dlsym(RTLD_DEFAULT, "reslab_image"));
  constexpr uint32_t kClass = 4;  // 64 bytes, dense
  if (strcmp(what, "other-version") == 0) {
    image.version = 99;
    return true;
  }
  uint64_t* bits = bits_of_a_slab(image, kClass);
  if (bits == nullptr) return false;
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
  tell_all();
  if (argc > 1 && !spoil(argv[1])) return 1;
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) return 1;
  for (char c; read(STDIN_FILENO, &c, 1) > 0;) {}
  _exit(0);  // what is spoiled is not to be used again
}
