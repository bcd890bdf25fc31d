// SPDX-License-Identifier: Apache-2.0
// RESLAB_CACHE_TYPESAFE_BY_RCU: `typed_cache MODE`. While a reader is inside, the memory of freed objects stays objects of
// their cache, at the same places; their slabs go when the reader has left, and a cache can only be destroyed then. An
// object of a cache may be retired by reslab_free_rcu, also when it is charged to a group.
#include <pthread.h>

#include <cstring>
#include <thread>
#include <vector>

#include "flavor.h"
#include "support.h"

namespace {

using namespace rcu_test;

constexpr size_t kBytes = 200;
constexpr uint64_t kMark = 0x7ea5e7ea5e;

void construct(void* object) { *static_cast<uint64_t*>(object) = kMark; }

reslab_cache* make_cache(unsigned flags, void (*ctor)(void*), reslab_group* group = nullptr) {
  const reslab_cache_args args = {kBytes, 0, flags, ctor, group};
  reslab_cache* cache = reslab_cache_create("typesafe", &args);
  RCU_CHECK(cache != nullptr);
  return cache;
}

std::vector<void*> allocate(reslab_cache* cache, size_t count) {
  std::vector<void*> objects(count);
  for (void*& object : objects) RCU_CHECK((object = reslab_cache_alloc(cache)) != nullptr);
  return objects;
}

reslab_class_stats stats_of_cache() {
  static reslab_class_stats classes[512];
  const int count = reslab_get_class_stats(classes, 512, sizeof classes[0]);
  for (int i = 0; i < count && i < 512; ++i) {
    if (strcmp(classes[i].name, "typesafe") == 0) return classes[i];
  }
  return {};
}

// A reader may not maintain, so others do it beside it.
template <class Work>
void elsewhere(Work work) {
  std::thread(work).join();
}

// Whatever the heap does meanwhile: other memory is taken and given back, all of the heap is trimmed.
void make_trouble() {
  for (int i = 0; i < 2000; ++i) memset(reslab_malloc(300), 0xff, 300);  // new memory, filled
  reslab_trim(0);
}

void memory_stays_its_own_while_a_reader_looks() {
  reslab_cache* cache = make_cache(RESLAB_CACHE_TYPESAFE_BY_RCU, construct);
  std::vector<void*> objects = allocate(cache, 3000);
  Reader reader(urcu_memb_flavor);
  reader.enter();
  for (void* object : objects) reslab_cache_free(cache, object);
  for (int i = 0; i < 5; ++i) {
    elsewhere([&] {
      reslab_cache_shrink(cache);
      make_trouble();
    });
    for (const void* object : objects) RCU_CHECK(*static_cast<const uint64_t*>(object) == kMark);
  }
  const uint64_t capacity = stats_of_cache().capacity;
  RCU_CHECK(capacity >= 3000);
  elsewhere([&] { RCU_CHECK(reslab_cache_destroy(cache) == EBUSY); });  // it has waited for the reader, a second
  RCU_CHECK(stats_of_cache().capacity == capacity);
  reader.leave();
  for (int i = 0; i < 1000 && stats_of_cache().capacity != 0; ++i) {
    reslab_cache_shrink(cache);
    sleep_ms(1);
  }
  RCU_CHECK(stats_of_cache().capacity == 0);
  objects = allocate(cache, 100);
  for (void* object : objects) reslab_free_nolock(object);
  RCU_CHECK(reslab_cache_destroy(cache) == 0);
  RCU_CHECK(reslab_check(2) == 0);
}

// What is taken from an empty slab makes it wait anew.
void a_slab_in_use_again_waits_again() {
  reslab_cache* cache = make_cache(RESLAB_CACHE_TYPESAFE_BY_RCU, construct);
  std::vector<void*> objects = allocate(cache, 3000);
  for (void* object : objects) reslab_cache_free(cache, object);
  reslab_cache_shrink(cache);  // the grace period of empty slabs begins
  objects = allocate(cache, 3000);
  RCU_CHECK(reslab_gp_wait(reslab_gp_get()) == 0);
  Reader reader(urcu_memb_flavor);
  reader.enter();
  for (void* object : objects) reslab_cache_free(cache, object);
  const uint64_t capacity = stats_of_cache().capacity;
  elsewhere([&] { reslab_cache_shrink(cache); });
  RCU_CHECK(stats_of_cache().capacity >= 3000 && stats_of_cache().capacity <= capacity);
  elsewhere(make_trouble);
  for (const void* object : objects) RCU_CHECK(*static_cast<const uint64_t*>(object) == kMark);
  reader.leave();
  RCU_CHECK(reslab_cache_destroy(cache) == 0);
}

void objects_can_be_retired() {
  reslab_group* group = reslab_group_create("retired", 1 << 20);
  reslab_cache* plain = make_cache(0, construct);
  reslab_cache* charged = make_cache(0, nullptr, group);
  Reader reader(urcu_memb_flavor);
  reader.enter();
  for (int i = 0; i < 2000; ++i) {
    reslab_free_rcu(reslab_cache_alloc(plain));
    reslab_free_rcu(reslab_cache_alloc(charged));
    reslab_free_rcu(reslab_group_malloc(group, 100));
  }
  reslab_free_rcu(reslab_group_malloc(group, 300000));
  RCU_CHECK(reslab_group_usage(group) >= 2000 * (kBytes + 100));
  reader.leave();
  RCU_CHECK(reslab_rcu_barrier() == 0);
  RCU_CHECK(reslab_group_usage(group) == 0);
  RCU_CHECK(reslab_check(2) == 0);
  RCU_CHECK(reslab_cache_destroy(plain) == 0 && reslab_cache_destroy(charged) == 0);
  RCU_CHECK(reslab_group_destroy(group) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  reslab_free(reslab_malloc(1));
  require_mode(argv[1]);
  RCU_CHECK(reslab_rcu_init(&urcu_memb_flavor) == 0);
  memory_stays_its_own_while_a_reader_looks();
  a_slab_in_use_again_waits_again();
  objects_can_be_retired();
  return 0;
}
