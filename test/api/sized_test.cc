// SPDX-License-Identifier: Apache-2.0
// Sized frees that say what was asked for are believed, whatever served the request: also where the options have sizes
// looked at, and with the debug modes (test/misuse has the wrong ones).

#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <vector>

#include "mode.h"
#include "support/opaque.h"

extern "C" {
void free_sized(void* ptr, size_t size);
void free_aligned_sized(void* ptr, size_t alignment, size_t size);
}

namespace api {
namespace {

using unit::opaque;

enum class From { kMalloc, kAligned, kNolock, kPages, kCache };

struct Held {
  void* object;
  From from;
  size_t align;
  size_t bytes;  // of pages: their order
};

class Sized : public testing::Test {
 protected:
  ~Sized() override {
    for (const Held& one : held_) release(one);
    EXPECT_EQ(reslab_cache_destroy(cache_), 0);
    EXPECT_EQ(reslab_group_destroy(group_), 0);
  }

  // Each kind of size as often: none, classes, pages and blocks.
  size_t any_size() {
    const size_t limit = size_t{16} << random_() % 16;
    return random_() % 50 == 0 ? random_() % (4 << 20) : random_() % (limit + 1);
  }
  size_t any_align() { return size_t{1} << random_() % 18; }
  bool one_in(unsigned n) { return random_() % n == 0; }

  Held allocate() {
    const size_t bytes = any_size(), align = any_align();
    switch (random_() % 12) {
      case 0:
        return {calloc(1, bytes), From::kMalloc, 16, bytes};
      case 1:
        return {operator new(bytes), From::kMalloc, 16, bytes};
      case 2:
        return {reslab_group_malloc(group_, bytes), From::kMalloc, 16, bytes};
      case 3:
        return {aligned_alloc(align, bytes), From::kAligned, align, bytes};
      case 4:
        return {operator new(bytes, std::align_val_t(align)), From::kAligned, align, bytes};
      case 5:
        return {reslab_malloc_nolock(bytes, one_in(2) ? RESLAB_GROW : 0), From::kNolock, 16, bytes};
      case 6:
        return {reslab_aligned_alloc_nolock(align, bytes, one_in(2) ? RESLAB_GROW : 0), From::kNolock, align, bytes};
      case 7: {
        const size_t order = random_() % 8;
        return {reslab_pages_alloc_nolock(static_cast<unsigned>(order), RESLAB_GROW), From::kPages, 16, order};
      }
      case 8:
        return {reslab_cache_alloc(cache_), From::kCache, 16, kCacheBytes};
      case 9: {
        const unsigned saved = reslab_nolock_save();
        void* object = malloc(bytes);
        reslab_nolock_restore(saved);
        return {object, From::kMalloc, 16, bytes};
      }
      default:
        return {malloc(bytes), From::kMalloc, 16, bytes};
    }
  }

  void reallocate(Held& one) {
    if (one.from != From::kMalloc) return;
    const size_t bytes = one_in(2) ? any_size() : one.bytes - one.bytes / (1 + random_() % 20);
    if (bytes == 0) return;  // that would free it
    void* moved = realloc(one.object, bytes);
    ASSERT_NE(moved, nullptr);
    one.object = moved;
    one.bytes = bytes;
  }

  // What was asked for, or what was promised for it.
  size_t told_size(const Held& one) { return one_in(8) ? reslab_good_size(one.bytes) : one.bytes; }

  void release(const Held& one) {
    if (one.object == nullptr) return;
    switch (one.from) {
      case From::kPages:
        return reslab_pages_free_nolock(one.object, static_cast<unsigned>(one.bytes));
      case From::kCache:
        return reslab_free_sized(one.object, one.bytes);
      case From::kNolock:
        return reslab_free_sized_nolock(one.object, one.align <= 16 ? told_size(one) : one.bytes);
      case From::kAligned:
        if (one_in(2)) return free_aligned_sized(one.object, one.align, one.bytes);
        return operator delete(one.object, one.bytes, std::align_val_t(one.align));
      case From::kMalloc:
        break;
    }
    if (one_in(3)) return free_sized(one.object, told_size(one));
    if (one_in(2)) return reslab_free_sized_nolock(one.object, told_size(one));
    operator delete(one.object, told_size(one));
  }

  static constexpr size_t kCacheBytes = 4096;  // whose objects lie further apart
  std::mt19937 random_{7};
  reslab_group* group_ = reslab_group_create("sized", size_t{1} << 30);
  reslab_cache* cache_ = [] {
    const reslab_cache_args args = {kCacheBytes, 0, 0, nullptr, nullptr};
    return reslab_cache_create("sized", &args);
  }();
  std::vector<Held> held_;
};

TEST_F(Sized, FreesThatSayWhatWasAskedForAreBelieved) {
  constexpr size_t kMost = 600;
  for (int i = 0; i < 60000; ++i) {
    if (held_.size() < kMost && (held_.empty() || one_in(2))) {
      held_.push_back(allocate());
      continue;
    }
    std::swap(held_[random_() % held_.size()], held_.back());
    if (one_in(3) && held_.back().object != nullptr) reallocate(held_.back());
    release(held_.back());
    held_.pop_back();
  }
  for (const Held& one : held_) release(one);
  held_.clear();
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  printf("%llu requests were served by another class\n", static_cast<unsigned long long>(stats.nolock_retries));
  EXPECT_EQ(reslab_check(2), 0);
}

}  // namespace
}  // namespace api
