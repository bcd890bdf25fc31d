// SPDX-License-Identifier: Apache-2.0
// A program whose memory has owners: typed caches of several kinds, groups within groups, charged objects and charged large
// blocks, what has gone among them, and large blocks whose units are kept for the next of their length. It says what it
// knows of that and waits for its input to end. Its argument:
//
//   churn        it goes on making, using and destroying caches and groups meanwhile, and says no figures
//   lost-bit     spoils: a free bit of a typed cache's slab is cleared, and the counts do not know
//   kept-twice   spoils: a free run that is kept whole is kept in two places

#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "heap/image.h"
#include "reslab/reslab.h"
#include "tell.h"

namespace {

constexpr size_t kLarge = 300000;

template <class T>
T& at(uint64_t address) {
  return *reinterpret_cast<T*>(address);
}

[[noreturn]] void give_up(const char* what) {
  fprintf(stderr, "tools_owners: %s\n", what);
  _exit(1);
}

template <class T>
T* require(T* made, const char* what) {
  if (made == nullptr) give_up(what);
  return made;
}

void construct(void* object) { memset(object, 'c', 8); }

reslab_cache* cache_of(const char* name, size_t size, void (*ctor)(void*) = nullptr, reslab_group* group = nullptr) {
  const reslab_cache_args args = {size, 0, RESLAB_CACHE_NO_MERGE, ctor, group};
  return require(reslab_cache_create(name, &args), name);
}

// Allocates many, frees most of them in every way there is, and leaves some out.
void use(reslab_cache* cache, int count, int left) {
  std::vector<void*> objects;
  for (int i = 0; i < count; ++i) objects.push_back(require(reslab_cache_alloc(cache), "no object of a cache"));
  for (int i = left; i < count; ++i) {
    void* object = objects[static_cast<size_t>(i)];
    if (i % 3 == 0) free(object);
    else if (i % 3 == 1) reslab_cache_free_nolock(cache, object);
    else reslab_cache_free(cache, object);
  }
}

void use(reslab_group* group, int count, int left) {
  for (int i = 0; i < count; ++i) {
    const size_t size = i % 50 == 0 ? kLarge : static_cast<size_t>(i % 7) * 40;
    void* object = reslab_group_malloc(group, size);
    if (object == nullptr) continue;  // over the budget
    if (i % 2 == 0 && i >= left) reslab_free_nolock(object);
    else if (i >= left) free(object);
  }
}

void tell_address(const char* name, const void* object) {
  reslab_test::tell("address.", name, reinterpret_cast<uint64_t>(require(object, "no object to tell of")));
}

// One of each kind, for whoever asks what an address is.
void tell_addresses(reslab_group* group, reslab_cache* cache) {
  tell_address("charged", reslab_group_malloc(group, 40));
  tell_address("charged_run", reslab_group_malloc(group, kLarge));
  tell_address("typed", reslab_cache_alloc(cache));
}

// Caches and groups that stay, and some that do not: their ids and places remain.
void settle_down() {
  use(cache_of("connection", 96, construct), 2000, 500);
  reslab_cache* session = cache_of("session", 40);
  use(session, 5000, 70);
  use(cache_of("page", 8192), 60, 20);
  reslab_cache* gone = cache_of("gone", 224);
  use(gone, 300, 0);
  if (reslab_cache_destroy(gone) != 0) give_up("a cache without objects cannot be destroyed");

  reslab_group* tenant = require(reslab_group_create("tenant", 4 << 20), "no group");
  reslab_group* inner = require(reslab_group_create_in(tenant, "inner", 64 << 10), "no group in a group");
  reslab_group* endless = require(reslab_group_create("endless", SIZE_MAX), "no group without limit");
  use(tenant, 600, 150);
  use(inner, 600, 60);
  use(endless, 200, 10);
  use(cache_of("request", 184, nullptr, tenant), 900, 33);
  reslab_group* past = require(reslab_group_create("past", 1 << 20), "no group");
  if (reslab_group_destroy(past) != 0) give_up("a group without charges cannot be destroyed");

  reslab_group_enter(inner);
  for (int i = 0; i < 20; ++i) require(malloc(100), "nothing within a scope");
  reslab_group_leave();
  tell_addresses(tenant, session);
}

const reslab::Image& image() { return **static_cast<reslab::Image**>(dlsym(RTLD_DEFAULT, "reslab_image")); }

uint64_t& kept_run(uint64_t place) { return at<uint64_t>(image().kept_runs_at + place * sizeof(uint64_t)); }

// The place of a run that is kept.
uint64_t keep_runs() {
  void* runs[3];
  for (void*& run : runs) run = require(malloc(kLarge), "no large block");
  for (void* run : runs) free(run);
  for (uint64_t place = 0; place < image().kept_runs_count; ++place) {
    if (kept_run(place) != 0) return place;
  }
  give_up("no large block was kept: there is nothing to look at");
}

uint32_t class_named(const char* name) {
  for (uint32_t i = 0; i < at<uint32_t>(image().cache_classes_made_at); ++i) {
    const uint64_t made = image().cache_classes_at + i * image().cache_classes_stride;
    if (strcmp(&at<char>(made + image().cache_class_name), name) == 0) {
      return static_cast<uint32_t>(image().cache_classes_first) + i;
    }
  }
  give_up("a class is not in the image");
}

// Of the first slab of the class: a bit goes.
void lose_bit(uint32_t cls) {
  for (uint32_t unit = 1; unit < at<uint32_t>(image().frontier_at); ++unit) {
    const uint64_t chunk = image().chunks_at + unit / image().chunk_units * image().chunk_bytes;
    const uint64_t in_chunk = unit % image().chunk_units;
    const uint64_t descriptor = chunk + image().chunk_descriptors + in_chunk * image().descriptor_bytes;
    if ((at<uint64_t>(descriptor + image().slab_state) >> 16 & 0xffff) != cls) continue;
    const uint64_t bits = chunk + image().chunk_dense + in_chunk * image().dense_bytes;
    for (int word = 0; word < 16; ++word) {
      auto& free = at<uint64_t>(bits + static_cast<uint64_t>(word) * 8);
      if (free == 0) continue;
      free &= free - 1;
      return;
    }
  }
  give_up("no slab with a free bit");
}

void spoil(const char* what, uint64_t kept) {
  if (strcmp(what, "kept-twice") == 0) kept_run((kept + 1) % image().kept_runs_count) = kept_run(kept);
  else if (strcmp(what, "lost-bit") == 0) lose_bit(class_named("session"));  // dense
  else give_up(what);
}

std::atomic<bool> stop{false};

// A class id serves objects of one size after those of another, a group's record another group.
void churn(unsigned seed) {
  while (!stop.load(std::memory_order_relaxed)) {
    seed = seed * 1103515245 + 12345;
    reslab_group* group = reslab_group_create("of a moment", 1 << 20);
    reslab_cache* cache = cache_of("passing", 24 + (seed >> 16 & 63) * 8, nullptr, (seed >> 30) != 0 ? nullptr : group);
    use(cache, 400, 0);
    if (group != nullptr) use(group, 120, 0);
    void* run = malloc(kLarge);
    while (reslab_cache_destroy(cache) != 0) {}  // while the other thread's upkeep is on its way through it
    while (reslab_group_destroy(group) != 0) {}
    free(run);
  }
}

void await_end() {
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) _exit(1);
  for (char c; read(STDIN_FILENO, &c, 1) > 0;) {}
}

}  // namespace

int main(int argc, char** argv) {
  settle_down();
  if (argc > 1 && strcmp(argv[1], "churn") == 0) {
    std::thread threads[] = {std::thread(churn, 1), std::thread(churn, 2)};
    await_end();
    stop = true;
    for (std::thread& thread : threads) thread.join();
    return 0;
  }
  const uint64_t kept = keep_runs();
  reslab_test::tell_all();
  reslab_test::tell_groups();
  if (argc > 1) spoil(argv[1], kept);
  await_end();
  _exit(0);  // what is spoiled is not to be used again
}
