// SPDX-License-Identifier: Apache-2.0
// Where retired objects go when their grace period has ended: `to_depot MODE`, by the figures of each class.
//
// While a reader keeps all of them, they are retired in the order that sorts them least. Behind a barrier those of malloc's
// classes lie in the depot, as blocks of their class, all but the few that make no block worth a place; those of typed
// caches, and large ones, lie in their slabs. None is lost: each class has the objects out that it had before. And whoever
// allocates that many again gets them from there.

#include <vector>

#include "flavor.h"
#include "support.h"

using namespace rcu_test;

namespace {

// Allocates nothing: the heap whose figures these are is this program's too.
class Classes {
 public:
  void take() {
    count_ = reslab_get_class_stats(all_, kMost, sizeof all_[0]);
    RCU_CHECK(count_ > 0 && count_ <= kMost);
  }
  const reslab_class_stats& of(const char* name) const {
    for (int i = 0; i < count_; ++i) {
      if (strcmp(all_[i].name, name) == 0) return all_[i];
    }
    RCU_FAIL("there is no class %s", name);
  }

 private:
  static constexpr int kMost = 512;
  reslab_class_stats all_[kMost] = {};
  int count_ = 0;
};
Classes before, after, again;

struct ClassName {
  explicit ClassName(void* object) { snprintf(text, sizeof text, "%zu", reslab_usable_size(object)); }
  char text[32];
};

template <class Retire>
void retire_under_a_reader(Retire retire) {
  Reader reader(urcu_memb_flavor);
  reader.enter();
  retire();
  reader.leave();
  RCU_CHECK(reslab_rcu_barrier() == 0 && stats().pending_objects == 0);
}

std::vector<void*> allocate(const std::vector<size_t>& sizes, size_t each) {
  std::vector<void*> objects;
  objects.reserve(sizes.size() * each);
  for (size_t i = 0; i < each; ++i) {
    for (const size_t size : sizes) objects.push_back(reslab_malloc(size));
  }
  for (const void* object : objects) RCU_CHECK(object != nullptr);
  return objects;
}

// A batch ends the block of each class before it is full, and one with less than a quarter of its 128 goes to the slabs.
// There may be four batches: what was taken in at first, when the reader leaves, and on each side of the barrier's asking.
constexpr uint64_t least_in_blocks(uint64_t objects) { return objects - 4 * (128 / 4 - 1); }

void go_to_the_depot_sorted(const char* what, const std::vector<size_t>& sizes, size_t each) {
  reslab_trim(0);
  std::vector<void*> objects = allocate(sizes, each);
  before.take();
  retire_under_a_reader([&] {
    for (void* object : objects) reslab_free_rcu(object);
  });
  after.take();
  for (size_t i = 0; i < sizes.size(); ++i) {
    const ClassName name(objects[i]);
    const reslab_class_stats &was = before.of(name.text), &is = after.of(name.text);
    const uint64_t came = is.in_depot - was.in_depot;
    if (is.in_depot < was.in_depot || came < least_in_blocks(each) || is.live + each != was.live) {
      RCU_FAIL("%s, class %s: %zu retired, %llu to %llu in the depot, %llu to %llu out", what, name.text, each,
               static_cast<unsigned long long>(was.in_depot), static_cast<unsigned long long>(is.in_depot),
               static_cast<unsigned long long>(was.live), static_cast<unsigned long long>(is.live));
    }
  }
  objects = allocate(sizes, each);
  again.take();
  for (size_t i = 0; i < sizes.size(); ++i) {
    const ClassName name(objects[i]);
    const reslab_class_stats &is = after.of(name.text), &then = again.of(name.text);
    RCU_CHECK(then.in_depot < is.in_depot);
    RCU_CHECK(is.in_depot - then.in_depot + is.in_magazines >= least_in_blocks(each));
  }
  for (void* object : objects) reslab_free(object);
}

void others_go_to_their_slabs() {
  constexpr size_t kObjects = 500;
  reslab_trim(0);
  const reslab_cache_args args = {72, 0, 0, nullptr, nullptr};
  reslab_cache* cache = reslab_cache_create("retired", &args);
  RCU_CHECK(cache != nullptr);
  std::vector<void*> objects(kObjects);
  for (void*& object : objects) RCU_CHECK((object = reslab_cache_alloc(cache)) != nullptr);
  std::vector<void*> large = allocate({20'000}, 40);
  const ClassName large_name(large[0]);
  before.take();
  retire_under_a_reader([&] {
    for (void* object : objects) reslab_free_rcu(object);
    for (void* object : large) reslab_free_rcu(object);
  });
  after.take();
  for (const char* name : {"retired", static_cast<const char*>(large_name.text)}) {
    const reslab_class_stats &was = before.of(name), &is = after.of(name);
    const uint64_t count = name == large_name.text ? large.size() : kObjects;
    RCU_CHECK(is.in_depot == was.in_depot && is.live + count == was.live);
    // Slabs that became empty may have gone back already.
    RCU_CHECK(is.free_in_slabs - was.free_in_slabs == count - (was.capacity - is.capacity));
  }
  RCU_CHECK(reslab_cache_destroy(cache) == 0);
}

// Of each an object comes in turn, each of a class of its own.
const std::vector<size_t> kMixed = {16, 320, 48, 512, 96, 32, 256, 64, 384, 80, 160, 112, 448, 128, 192};

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return fprintf(stderr, "usage: to_depot rseq|fallback\n"), 2;
  require_mode(arguments[1]);
  RCU_CHECK(reslab_rcu_init(nullptr) == 0 && reslab_rcu_barrier() == 0);
  go_to_the_depot_sorted("one class", {64}, 12'000);
  go_to_the_depot_sorted("mixed", kMixed, 600);
  others_go_to_their_slabs();
  RCU_CHECK(audit() == 0);
  return 0;
}
