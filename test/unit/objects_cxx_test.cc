// SPDX-License-Identifier: Apache-2.0
// reslab.hpp: the allocator, both memory resources, scopes and typed caches of C++.
#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <array>
#include <list>
#include <map>
#include <reslab/reslab.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "slab/slab.h"
#include "support/audit.h"
#include "support/ledger.h"
#include "support/opaque.h"

namespace reslab {
namespace {

struct alignas(64) Aligned {
  char bytes[100];
};

TEST(Cxx, AllocatorServesContainersAtTheirAlignment) {
  const unit::Counts before = unit::live_objects();
  {
    std::vector<int, allocator<int>> numbers;
    for (int i = 0; i < 10000; ++i) numbers.push_back(i);
    EXPECT_NE(place_of(numbers.data()).cls, kNoClass);
    const std::list<Aligned, allocator<Aligned>> nodes(20);
    for (const Aligned& one : nodes) EXPECT_TRUE(unit::is_aligned(&one, 64));
    const auto more = allocator<char>().allocate_at_least(1000);
    EXPECT_EQ(more.count, reslab_usable_size(more.ptr));
    allocator<char>().deallocate(more.ptr, more.count);
    EXPECT_THROW((void)allocator<int>().allocate(SIZE_MAX / 2), std::bad_alloc);
  }
  unit::expect_balance(before, {});
}

TEST(Cxx, AMemoryResourceChargesItsGroup) {
  reslab_group* group = reslab_group_create("pmr", 100000);
  {
    reslab::memory_resource memory(group);
    reslab::memory_resource same(group);
    reslab::memory_resource free_of_charge;
    EXPECT_TRUE(memory.is_equal(same));
    EXPECT_FALSE(memory.is_equal(free_of_charge));
    std::pmr::map<int, std::pmr::string> map(&memory);
    for (int i = 0; i < 100; ++i) map.emplace(i, std::string(100, 'x'));
    EXPECT_GT(reslab_group_usage(group), 100u * 100);
    void* aligned = memory.allocate(100, 256);
    EXPECT_TRUE(unit::is_aligned(aligned, 256));
    const size_t usage = reslab_group_usage(group);
    memory.deallocate(aligned, 100, 256);
    EXPECT_LT(reslab_group_usage(group), usage);
    EXPECT_THROW((void)memory.allocate(100000), std::bad_alloc);
    std::pmr::vector<char> other(200000, &free_of_charge);
    EXPECT_LT(reslab_group_usage(group), 100000u);
  }
  EXPECT_EQ(reslab_group_usage(group), 0u);
  EXPECT_EQ(reslab_group_destroy(group), 0);
}

TEST(Cxx, ANolockResourceNeverBlocksAndMayThrow) {
  nolock_memory_resource memory(RESLAB_GROW);
  std::pmr::vector<int> numbers(&memory);
  for (int i = 0; i < 1000; ++i) numbers.push_back(i);
  EXPECT_EQ(numbers[999], 999);
  EXPECT_THROW((void)memory.allocate(RESLAB_NOLOCK_MAX + 1), std::bad_alloc);
  const nolock_scope scope;
  EXPECT_EQ(reslab_trim(0), 0u);  // refused here
}

TEST(Cxx, AGroupScopeEndsWithItsBlock) {
  reslab_group* group = reslab_group_create("block", 1 << 20);
  void* inside = nullptr;
  {
    const group_scope scope(group);
    inside = reslab_malloc(500);
  }
  void* outside = reslab_malloc(500);
  EXPECT_EQ(reslab_group_usage(group), reslab_usable_size(inside));
  reslab_free(inside);
  reslab_free(outside);
  EXPECT_EQ(reslab_group_destroy(group), 0);
}

struct Counted {
  explicit Counted(int number) : value(number) {
    if (number < 0) throw std::invalid_argument("negative");
    ++alive;
  }
  ~Counted() { --alive; }
  int value;
  std::array<char, 68> rest = {};
  static inline int alive = 0;
};

TEST(Cxx, ACacheConstructsAndDestroys) {
  cache<Counted> counted("counted");
  {
    const auto one = counted.make(1);
    Counted* two = counted.construct(2);
    EXPECT_EQ(reslab_usable_size(two), sizeof(Counted));
    EXPECT_EQ(Counted::alive, 2);
    EXPECT_THROW((void)counted.construct(-1), std::invalid_argument);
    counted.destroy(two);
    counted.destroy(nullptr);
    EXPECT_EQ(one->value, 1);
  }
  EXPECT_EQ(Counted::alive, 0);
  unit::expect_sound_heap();
}

}  // namespace
}  // namespace reslab
