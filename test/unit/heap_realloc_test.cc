// SPDX-License-Identifier: Apache-2.0
// heap: realloc keeps the contents whichever way it goes: in place, by copying, into free units behind, or by moving
// pages.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <reslab/reslab.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <random>
#include <vector>

#include "support/audit.h"
#include "support/calls.h"
#include "support/child.h"
#include "support/ledger.h"

namespace reslab {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

// A pattern that differs from word to word, so that a page in the wrong place is seen.
void fill(void* object, size_t bytes, uint64_t seed) {
  auto* words = static_cast<uint64_t*>(object);
  for (size_t i = 0; i < bytes / 8; ++i) words[i] = (seed + i) * 0x9e3779b97f4a7c15;
  memset(static_cast<char*>(object) + bytes / 8 * 8, static_cast<int>(seed), bytes % 8);
}

bool holds(const void* object, size_t bytes, uint64_t seed) {
  const auto* words = static_cast<const uint64_t*>(object);
  for (size_t i = 0; i < bytes / 8; ++i) {
    if (words[i] != (seed + i) * 0x9e3779b97f4a7c15) return false;
  }
  for (size_t i = bytes / 8 * 8; i < bytes; ++i) {
    if (static_cast<const char*>(object)[i] != static_cast<char>(seed)) return false;
  }
  return true;
}

void* reallocate(void* object, size_t bytes) { return unit::opaque(reslab_realloc(object, bytes)); }

TEST(HeapRealloc, OfNothingAllocates) {
  void* object = reallocate(nullptr, 100);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(reslab_usable_size(object), reslab_good_size(100));
  reslab_free(object);
}

TEST(HeapRealloc, ToZeroKeepsAnObjectThatIsStillToBeFreed) {
  const unit::Counts before = unit::live_objects();
  for (const size_t bytes : {size_t{16}, size_t{100}, size_t{5000}, size_t{300000}, 5 * kMiB}) {
    void* object = reallocate(reslab_malloc(bytes), 0);
    ASSERT_NE(object, nullptr) << bytes;
    EXPECT_EQ(reslab_usable_size(object), reslab_good_size(0)) << bytes << ": nothing large is kept for no bytes";
    reslab_free(object);
  }
  unit::expect_balance(before, {});
}

TEST(HeapRealloc, BetweenAnyTwoSizesKeepsWhatFits) {
  const unit::Counts before = unit::live_objects();
  for (const size_t from : unit::kSizes) {
    for (const size_t to : unit::kSizes) {
      void* object = reslab_malloc(from);
      fill(object, from, from + 1);
      object = reallocate(object, to);
      ASSERT_NE(object, nullptr);
      ASSERT_TRUE(unit::is_aligned(object, 16));
      ASSERT_GE(reslab_usable_size(object), to);
      ASSERT_TRUE(holds(object, (from < to ? from : to) / 8 * 8, from + 1)) << from << " to " << to;
      fill(object, to, 1);
      reslab_free(object);
    }
  }
  unit::expect_balance(before, {});
  unit::expect_sound_heap();
}

TEST(HeapRealloc, WithinItsClassStaysInPlace) {
  void* object = reslab_malloc(100);
  for (const size_t bytes : {size_t{112}, size_t{97}, size_t{104}}) {
    EXPECT_EQ(unit::address_of(reallocate(object, bytes)), unit::address_of(object));
  }
  reslab_free(object);
}

TEST(HeapRealloc, AShrunkObjectKeepsAtMostTwiceWhatItNeeds) {
  for (const size_t from : {size_t{1000}, size_t{5000}, size_t{100000}, size_t{260000}, 3 * kMiB}) {
    for (size_t to = from; to > 32; to = to * 7 / 8) {
      void* object = reallocate(reslab_malloc(from), to);
      EXPECT_LE(reslab_usable_size(object), 2 * reslab_good_size(to)) << from << " to " << to;
      reslab_free(object);
    }
  }
}

TEST(HeapRealloc, ALargeBlockShrinksInPlaceAndGivesItsUnitsBack) {
  char* object = static_cast<char*>(reslab_malloc(20 * kMiB));
  fill(object, 20 * kMiB, 3);
  const int64_t units = unit::live_objects()[kRunClass];
  void* shrunk = reallocate(object, 2 * kMiB);
  EXPECT_EQ(shrunk, object);
  EXPECT_TRUE(holds(shrunk, 2 * kMiB, 3));
  EXPECT_EQ(unit::live_objects()[kRunClass], units - static_cast<int64_t>(18 * kMiB >> kUnitShift));
  reslab_free(shrunk);
}

TEST(HeapRealloc, ALargeBlockGrowsInPlaceIntoFreeUnitsBehindIt) {
  std::vector<char*> blocks(20);
  for (char*& block : blocks) block = static_cast<char*>(unit::opaque(reslab_malloc(2 * kMiB)));
  size_t i = 0;
  while (i + 2 < blocks.size() && blocks[i + 1] != blocks[i] + 2 * kMiB) ++i;
  ASSERT_EQ(blocks[i + 1], blocks[i] + 2 * kMiB) << "no two blocks are neighbours";
  fill(blocks[i], 2 * kMiB, 9);
  reslab_free(blocks[i + 1]);
  blocks[i + 1] = nullptr;
  EXPECT_EQ(reallocate(blocks[i], 4 * kMiB), blocks[i]);
  EXPECT_TRUE(holds(blocks[i], 2 * kMiB, 9));
  for (char* block : blocks) reslab_free(block);
}

long page_faults() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// A copy would fault once for each page of the new place.
TEST(HeapRealloc, ALargeBlockThatCannotGrowMovesItsPagesWithoutCopying) {
  char* object = static_cast<char*>(reslab_malloc(64 * kMiB));
  ASSERT_EQ(madvise(object, 64 * kMiB, MADV_NOHUGEPAGE), 0);
  fill(object, 64 * kMiB, 5);
  void* in_the_way = reslab_malloc(kMiB);
  volatile size_t more = 80 * kMiB;
  const long faults = page_faults();
  char* moved = static_cast<char*>(reallocate(object, more));
  EXPECT_LT(page_faults() - faults, 100);
  ASSERT_NE(moved, object);
  EXPECT_TRUE(holds(moved, 64 * kMiB, 5));
  std::vector<unsigned char> resident(16 * kMiB / 4096);
  ASSERT_EQ(mincore(moved + 64 * kMiB, 16 * kMiB, resident.data()), 0);
  for (const unsigned char page : resident) EXPECT_EQ(page & 1, 0) << "the new part was not touched";
  fill(moved, 80 * kMiB, 6);
  reslab_free(moved);
  reslab_free(in_the_way);
  unit::expect_sound_heap();
}

// Moved pages lie in mappings of their own. A block that spans several of them must grow and keep its contents as well.
TEST(HeapRealloc, ABlockOfPagesFromSeveralMappingsGrowsToo) {
  std::mt19937_64 random(7);
  std::vector<std::pair<void*, size_t>> blocks(12, {nullptr, 0});
  for (uint64_t round = 0; round < 400; ++round) {
    auto& [object, bytes] = blocks[random() % blocks.size()];
    const uint64_t seed = reinterpret_cast<uint64_t>(&object);
    const size_t wanted = (1 + random() % 48) * 256 << 10;
    void* moved = reallocate(object, wanted);
    ASSERT_NE(moved, nullptr);
    ASSERT_TRUE(holds(moved, wanted < bytes ? wanted : bytes, seed)) << "round " << round;
    object = moved;
    bytes = wanted;
    fill(object, bytes, seed);
    if (round % 50 == 0) reslab_trim(0);
  }
  for (auto& [object, bytes] : blocks) reslab_free(object);
  unit::expect_sound_heap();
}

#ifdef __x86_64__
char* foreign;
size_t foreign_bytes;

// What the kernel may do with MREMAP_FIXED: it has unmapped the place that pages are to move to when it finds that it cannot
// move them, and another thread's mapping is there before we know.
void refuse_to_move(int, siginfo_t*, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  foreign_bytes = static_cast<size_t>(registers[REG_RDX]);
  void* place = reinterpret_cast<void*>(registers[REG_R8]);
  munmap(place, foreign_bytes);
  foreign = static_cast<char*>(
      mmap(place, foreign_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
  memset(foreign, 9, foreign_bytes);
  registers[REG_RAX] = -EFAULT;
}

void refuse_moves_to_a_place() {
  struct sigaction action = {};
  action.sa_sigaction = refuse_to_move;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSYS, &action, nullptr);
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MREMAP_FIXED, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {std::size(filter), filter};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

bool is_foreign(const char* object) { return object < foreign + foreign_bytes && foreign < object + 4 * kMiB; }

TEST(HeapRealloc, AMoveThatFailsHarmsNobodyWhoseMappingHasComeInItsPlace) {
  unit::in_child([] {
    const unit::Counts before = unit::live_objects();
    refuse_moves_to_a_place();
    std::vector<void*> objects;
    while (foreign == nullptr && objects.size() < 40) {  // of former tests' blocks some are several mappings
      void* object = reslab_malloc(16 * kMiB);
      fill(object, 16 * kMiB, 5);
      objects.push_back(reslab_malloc(kMiB));  // in the way
      object = reallocate(object, 20 * kMiB);
      ASSERT_NE(object, nullptr);
      EXPECT_TRUE(holds(object, 16 * kMiB, 5));
      objects.push_back(object);
      objects.push_back(reslab_malloc(16 * kMiB));  // takes the old place
    }
    ASSERT_NE(foreign, nullptr) << "nothing was to be moved";
    for (size_t i = 0; i < foreign_bytes; ++i) ASSERT_EQ(foreign[i], 9) << "byte " << i << " of another's mapping";
    for (void* object : objects) reslab_free(object);
    unit::expect_balance(before, {});
    std::vector<char*> blocks(100);
    for (char*& block : blocks) {
      block = static_cast<char*>(unit::opaque(reslab_malloc(4 * kMiB)));
      EXPECT_FALSE(is_foreign(block)) << "memory that is another's is given out";
    }
    for (char* block : blocks) reslab_free(block);
    EXPECT_TRUE(arena().is_in_hole(unit_of(foreign)));
    unit::expect_sound_heap();
  });
}
#endif

TEST(HeapRealloc, AnAlignedObjectMayMoveToOneThatIsAlignedLess) {
  void* object = unit::opaque(reslab_aligned_alloc(4096, 5000));
  fill(object, 5000, 4);
  object = reallocate(object, 50000);
  EXPECT_TRUE(holds(object, 5000, 4));
  reslab_free(object);
}

TEST(HeapRealloc, FailureLeavesTheObjectAsItWas) {
  const unit::Counts before = unit::live_objects();
  for (const size_t bytes : {size_t{100}, size_t{20000}, size_t{300000}, 5 * kMiB}) {
    void* object = reslab_malloc(bytes);
    fill(object, bytes, 8);
    volatile size_t limit = PTRDIFF_MAX;
    for (const size_t too_much : {limit + 0, limit + 1, limit / 2, SIZE_MAX - 0}) {
      errno = 0;
      EXPECT_EQ(reallocate(object, too_much), nullptr);
      EXPECT_EQ(errno, ENOMEM);
      EXPECT_TRUE(holds(object, bytes, 8));
    }
    reslab_free(object);
  }
  unit::expect_balance(before, {});
}

TEST(HeapRealloc, ReallocarrayIsReallocOfTheProduct) {
  void* object = unit::opaque(reslab_reallocarray(nullptr, 10, 50));
  EXPECT_EQ(reslab_usable_size(object), reslab_good_size(500));
  fill(object, 500, 2);
  object = unit::opaque(reslab_reallocarray(object, 100, 50));
  EXPECT_EQ(reslab_usable_size(object), reslab_good_size(5000));
  EXPECT_TRUE(holds(object, 496, 2));
  reslab_free(object);
}

TEST(HeapRealloc, GrowingStepByStepKeepsEverything) {
  void* object = nullptr;
  size_t before = 0;
  for (size_t bytes = 1; bytes < 40 * kMiB; bytes += bytes / 2 + 1) {
    object = reallocate(object, bytes);
    ASSERT_TRUE(holds(object, before / 8 * 8, 11)) << bytes;
    fill(object, bytes, 11);
    before = bytes;
  }
  reslab_free(object);
}

}  // namespace
}  // namespace reslab
