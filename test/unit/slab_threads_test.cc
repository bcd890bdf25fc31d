// SPDX-License-Identifier: Apache-2.0
// slab with several threads: objects are taken, freed, slabs activated, listed, popped, swept and retired by all at once.
// No object has two owners, none is lost, and no slab with free objects is off its list at the end.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "heap/root.h"
#include "slab/slab.h"
#include "support/audit.h"

namespace reslab {
namespace {

// What one thread does to one class; every object carries its owner's mark in its first word.
class Worker {
 public:
  Worker(ClassId cls, uint64_t number) : cls_(cls), number_(number), random_(static_cast<unsigned>(number) + 1) {}

  void run(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      const uint64_t what = random_() % 16;
      if (what == 0) slab_sweep(cls_, 4);
      else if (what == 1) take_one_from_a_listed_slab();
      else if (what < 7 && held_.size() < 3000) take_batch();
      else if (what < 12) give_batch();
      else if (!held_.empty()) give_one();
    }
    while (!held_.empty()) give_one();
  }

 private:
  void own(void* object) {
    auto* word = static_cast<std::atomic<uint64_t>*>(object);
    EXPECT_EQ(word->exchange(number_ << 32 | 1) & 1, 0u) << "an object has two owners";
    held_.push_back(object);
  }
  void* disown(size_t which) {
    std::swap(held_[which], held_.back());
    void* object = held_.back();
    held_.pop_back();
    EXPECT_EQ(static_cast<std::atomic<uint64_t>*>(object)->exchange(0), number_ << 32 | 1);
    return object;
  }

  // As a refill does: a popped or new slab, active while it is taken from, and let go afterwards.
  void take_batch() {
    uint32_t unit = slab_pop_partial(cls_, 0);
    if (unit == 0) unit = slab_create(cls_, 0, Contract::kPlain);
    ASSERT_NE(unit, 0u);
    const SlabIdentity identity = slab_identity(unit);
    const bool active = slab_activate(unit, identity, 0);
    void* objects[64];
    const uint32_t got = slab_take(unit, identity, objects, 1 + static_cast<uint32_t>(random_() % 64));
    for (uint32_t i = 0; i < got; ++i) own(objects[i]);
    if (active) slab_deactivate(unit, identity, 0);
  }

  void take_one_from_a_listed_slab() {
    const uint32_t unit = slab_class(cls_).lists.partial[random_() % 2].peek();
    if (unit == 0) return;
    const SlabIdentity identity = slab_identity(unit);
    if (identity.cls != cls_) return;  // retired meanwhile
    void* object = slab_take_one(unit, identity);
    if (object != nullptr) own(object);
  }

  void give_one() { EXPECT_TRUE(slab_give_object(disown(random_() % held_.size()))); }

  void give_batch() {
    void* objects[64];
    uint32_t n = 0;
    for (const uint32_t most = 1 + static_cast<uint32_t>(random_() % 64); n < most && !held_.empty(); ++n) {
      objects[n] = disown(random_() % held_.size());
    }
    EXPECT_EQ(slab_give_sorted(cls_, objects, n), nullptr);
  }

  const ClassId cls_;
  const uint64_t number_;
  std::minstd_rand random_;
  std::vector<void*> held_;
};

// Two classes that trade units: a claim that slept finds a slab of the other class, or a run's worth of zero bits.
TEST(SlabThreads, NoObjectIsLostOrDoubledWhileSlabsComeAndGo) {
  const ClassId classes[] = {class_of_size(1024), class_of_size(3072)};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] { Worker(classes[t % 2], t).run(60000); });
  }
  for (std::thread& thread : threads) thread.join();

  for (const ClassId cls : classes) {
    SlabClass& own = slab_class(cls);
    EXPECT_EQ(own.free_objects.load(), own.capacity_objects.load()) << "everything was given back";
  }
  unit::expect_sound_heap();
  for (const ClassId cls : classes) {
    slab_sweep(cls, slab_class(cls).slabs.load() + 1);
    slab_sweep(cls, slab_class(cls).slabs.load() + 1);
    EXPECT_EQ(slab_class(cls).slabs.load(), 0u) << "every slab was found and was empty";
  }
  unit::expect_sound_heap();
}

}  // namespace
}  // namespace reslab
