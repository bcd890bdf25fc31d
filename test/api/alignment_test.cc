// SPDX-License-Identifier: Apache-2.0
// The functions that take an alignment.

#include <malloc.h>
#include <reslab/reslab.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>

#include "family.h"
#include "support/audit.h"
#include "support/opaque.h"

namespace api {
namespace {

using unit::opaque;

class Alignment : public testing::TestWithParam<Aligner> {
 protected:
  void* allocate(size_t alignment, size_t bytes) { return opaque(GetParam().allocate(alignment, bytes)); }
};

TEST_P(Alignment, IsWhatWasAskedForWithAnySize) {
  for (size_t alignment = GetParam().min_alignment; alignment <= (size_t{8} << 20); alignment *= 2) {
    for (const size_t bytes : {size_t{0}, size_t{1}, size_t{24}, alignment - 1, alignment, alignment + 1, size_t{5000},
                               size_t{70000}, size_t{300000}}) {
      void* pointer = allocate(alignment, bytes);
      ASSERT_NE(pointer, nullptr) << bytes << " bytes at " << alignment;
      EXPECT_TRUE(unit::is_aligned(pointer, alignment < 16 ? 16 : alignment)) << pointer << " at " << alignment;
      EXPECT_GE(reslab_usable_size(pointer), bytes);
      memset(pointer, 0x5a, bytes);
      reslab_free(pointer);
    }
  }
}

TEST_P(Alignment, SizeZeroIsAnObjectOfItsOwn) {
  for (size_t alignment = GetParam().min_alignment; alignment <= (size_t{1} << 20); alignment *= 2) {
    std::set<void*> pointers;
    for (int i = 0; i < 8; ++i) {
      void* pointer = allocate(alignment, 0);
      ASSERT_NE(pointer, nullptr);
      EXPECT_TRUE(pointers.insert(pointer).second) << pointer << " was given twice, at " << alignment;
      EXPECT_GT(reslab_usable_size(pointer), 0u) << "at " << alignment;
    }
    for (void* pointer : pointers) reslab_free(pointer);
  }
  unit::expect_sound_heap();
}

TEST_P(Alignment, HoldsForManyObjectsAtOnce) {
  for (size_t alignment = 32; alignment <= 65536; alignment *= 2) {
    void* pointers[64];
    for (void*& pointer : pointers) {
      pointer = allocate(alignment, 3 * alignment / 2);
      ASSERT_NE(pointer, nullptr);
      EXPECT_TRUE(unit::is_aligned(pointer, alignment)) << pointer << " at " << alignment;
    }
    for (void* pointer : pointers) reslab_free(pointer);
  }
}

TEST_P(Alignment, ObjectsKeepTheirContentsWhenReallocated) {
  for (const size_t alignment : {size_t{64}, size_t{4096}, size_t{1} << 20}) {
    void* pointer = allocate(alignment, 1000);
    ASSERT_NE(pointer, nullptr);
    memset(pointer, 0x77, 1000);
    auto* grown = static_cast<unsigned char*>(opaque(realloc(pointer, 100000)));
    ASSERT_NE(grown, nullptr);
    for (size_t i = 0; i < 1000; ++i) ASSERT_EQ(grown[i], 0x77);
    free(grown);
  }
}

TEST_P(Alignment, ImpossibleSizesFail) {
  for (const size_t alignment :
       {size_t{16}, size_t{64}, size_t{4096}, size_t{1} << 21, size_t{1} << 40, size_t{1} << 62}) {
    for (const size_t bytes : {size_t{PTRDIFF_MAX} - 1, size_t{PTRDIFF_MAX}, SIZE_MAX - 4096, SIZE_MAX}) {
      errno = 0;
      EXPECT_EQ(allocate(alignment, bytes), nullptr) << bytes << " bytes at " << alignment;
      if (GetParam().failure == Failure::kEnomem) {
        EXPECT_EQ(errno, ENOMEM) << bytes << " bytes at " << alignment;
      }
      if (GetParam().failure == Failure::kKeeps) {
        EXPECT_EQ(errno, 0) << bytes << " bytes at " << alignment;
      }
    }
  }
}

TEST_P(Alignment, AnAlignmentThatTheWindowLacksFails) {
  errno = 0;
  EXPECT_EQ(allocate(size_t{1} << 62, 1), nullptr);
  if (GetParam().failure == Failure::kEnomem) {
    EXPECT_EQ(errno, ENOMEM);
  }
  EXPECT_EQ(allocate(size_t{1} << 63, 1), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Every, Alignment, testing::ValuesIn(aligners()), row_name<Aligner>);

// --- bad alignments --------------------------------------------------------------------------------------------------

template <class Function>
void expect_einval_and_out_untouched(Function function) {
  for (const size_t alignment : {size_t{0}, size_t{1}, size_t{2}, size_t{4}, size_t{7}, size_t{9}, size_t{12},
                                 size_t{24}, size_t{4095}, size_t{4097}, SIZE_MAX}) {
    char guard;
    void* out = &guard;
    errno = 0;
    EXPECT_EQ(function(&out, alignment, 100), EINVAL) << alignment;
    EXPECT_EQ(opaque(out), &guard) << alignment;
    EXPECT_EQ(errno, 0) << alignment;
  }
}

template <class Function>
void expect_enomem_and_out_untouched(Function function) {
  char guard;
  void* out = &guard;
  volatile size_t huge = SIZE_MAX / 2 + 1;
  errno = 0;
  EXPECT_EQ(function(&out, 64, huge), ENOMEM);
  EXPECT_EQ(opaque(out), &guard);
  EXPECT_EQ(errno, 0);
}

TEST(BadAlignment, PosixMemalignLeavesOutAlone) {
  expect_einval_and_out_untouched(posix_memalign);
  expect_einval_and_out_untouched(reslab_posix_memalign);
  expect_enomem_and_out_untouched(posix_memalign);
  expect_enomem_and_out_untouched(reslab_posix_memalign);
}

TEST(BadAlignment, AlignedAllocSaysEinval) {
  for (const size_t bad : {size_t{0}, size_t{3}, size_t{24}, size_t{48}, SIZE_MAX}) {
    volatile size_t alignment = bad;
    errno = 0;
    EXPECT_EQ(opaque(aligned_alloc(alignment, 100)), nullptr) << bad;
    EXPECT_EQ(errno, EINVAL) << bad;
    errno = 0;
    EXPECT_EQ(opaque(reslab_aligned_alloc(alignment, 100)), nullptr) << bad;
    EXPECT_EQ(errno, EINVAL) << bad;
    errno = 0;
    EXPECT_EQ(opaque(reslab_aligned_alloc_nolock(alignment, 100, RESLAB_GROW)), nullptr) << bad;
    EXPECT_EQ(errno, 0) << bad;
  }
}

// glibc's memalign takes any alignment and rounds it up.
TEST(BadAlignment, MemalignRoundsUp) {
  for (const size_t odd : {size_t{0}, size_t{3}, size_t{17}, size_t{48}, size_t{100}, size_t{4097}}) {
    volatile size_t alignment = odd;
    void* pointer = opaque(memalign(alignment, 100));
    ASSERT_NE(pointer, nullptr) << odd;
    size_t power = 16;
    while (power < odd) power *= 2;
    EXPECT_TRUE(unit::is_aligned(pointer, power)) << pointer << " at " << odd;
    free(pointer);
  }
}

TEST(NolockAlignment, IsWhatWasAskedForUpToAUnit) {
  for (size_t alignment = 1; alignment <= 65536; alignment *= 2) {
    for (const size_t bytes : {size_t{1}, alignment, size_t{3000}}) {
      void* pointer = opaque(reslab_aligned_alloc_nolock(alignment, bytes, RESLAB_GROW));
      ASSERT_NE(pointer, nullptr) << bytes << " bytes at " << alignment;
      EXPECT_TRUE(unit::is_aligned(pointer, alignment)) << pointer << " at " << alignment;
      reslab_free_nolock(pointer);
    }
  }
}

TEST(PageFamily, PvallocRoundsItsSizeUp) {
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{4096}, size_t{4097}}) {
    void* pointer = opaque(pvalloc(bytes));
    ASSERT_NE(pointer, nullptr);
    EXPECT_GE(malloc_usable_size(pointer), (bytes + 4095) / 4096 * 4096);
    free(pointer);
  }
}

}  // namespace
}  // namespace api
