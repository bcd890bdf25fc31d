// SPDX-License-Identifier: Apache-2.0
// platform: what the core asks of the kernel, and what it believes of the machine.
#include "platform/vm.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include "platform/page_size.h"
#include "platform/small_file.h"
#include "support/child.h"

namespace reslab {
namespace {

constexpr size_t kPageBytes = kMostPageBytes;
constexpr size_t kBytes = 16 * kPageBytes;

bool is_all(const char* start, size_t bytes, char value) {
  for (size_t i = 0; i < bytes; ++i) {
    if (start[i] != value) return false;
  }
  return true;
}

// Reading or writing there ends the process by SIGSEGV.
template <class Touch>
void expect_fault(Touch touch) {
  EXPECT_EXIT(touch(), testing::KilledBySignal(SIGSEGV), "");
}

class VmTest : public testing::Test {
 protected:
  void SetUp() override { errno = 12345; }
  void TearDown() override { EXPECT_EQ(errno, 12345) << "no wrapper may touch errno"; }
};

TEST_F(VmTest, ReservedMemoryIsForNobodyUntilItIsMadeReadableOrWritable) {
  auto* place = static_cast<volatile char*>(vm_reserve(kBytes, 0));
  char* start = const_cast<char*>(place);
  ASSERT_NE(start, nullptr);
  expect_fault([&] { static_cast<void>(*place); });
  EXPECT_TRUE(vm_make_readable(start, kBytes));
  EXPECT_TRUE(is_all(start, kBytes, 0));
  expect_fault([&] { *place = 1; });
  EXPECT_TRUE(vm_make_writable(start, kBytes));
  memset(start, 7, kBytes);
  vm_release(start, kBytes);
  expect_fault([&] { static_cast<void>(*place); });
}

TEST_F(VmTest, ReserveAtTakesAnEmptyPlaceOnly) {
  char* start = static_cast<char*>(vm_reserve(kBytes, 0));
  ASSERT_NE(start, nullptr);
  EXPECT_EQ(vm_reserve_at(start + kPageBytes, kPageBytes), Place::kTaken);
  vm_release(start, kBytes);
  EXPECT_EQ(vm_reserve_at(start, kPageBytes), Place::kOurs);
  EXPECT_EQ(vm_reserve_at(start, kBytes), Place::kTaken) << "its first page";
  vm_release(start, kPageBytes);
}

TEST_F(VmTest, DiscardedPagesReadAsZero) {
  char* start = static_cast<char*>(vm_map(kBytes));
  memset(start, 7, kBytes);
  EXPECT_TRUE(vm_discard(start, kBytes / 2));
  EXPECT_TRUE(is_all(start, kBytes / 2, 0));
  EXPECT_TRUE(is_all(start + kBytes / 2, kBytes / 2, 7));
  vm_release(start, kBytes);
}

TEST_F(VmTest, LockedPagesAreNotDiscardedAndItSaysSo) {
  char* start = static_cast<char*>(vm_map(kBytes));
  memset(start, 7, kBytes);
  ASSERT_EQ(syscall(SYS_mlock, start, kBytes), 0);  // the function does nothing under AddressSanitizer
  EXPECT_FALSE(vm_discard(start, kBytes));
  EXPECT_TRUE(is_all(start, kBytes, 7));
  vm_release(start, kBytes);
}

TEST_F(VmTest, RetiredMemoryReadsAsZeroAndCannotBeWritten) {
  auto* place = static_cast<volatile char*>(vm_map(kBytes));
  char* start = const_cast<char*>(place);
  memset(start, 7, kBytes);
  EXPECT_TRUE(vm_retire(start, kBytes));
  EXPECT_TRUE(is_all(start, kBytes, 0));
  expect_fault([&] { *place = 1; });
  EXPECT_TRUE(vm_make_writable(start, kBytes));
  *place = 1;
  vm_release(start, kBytes);
}

TEST_F(VmTest, MovedPagesLeaveZerosBehind) {
  char* from = static_cast<char*>(vm_map(kBytes));
  char* to = static_cast<char*>(vm_map(kBytes));
  memset(from, 7, kBytes);
  memset(to, 8, kBytes);
  EXPECT_EQ(vm_move_pages(from, to, kBytes), Moved::kDone);
  EXPECT_TRUE(is_all(to, kBytes, 7));
  EXPECT_TRUE(is_all(from, kBytes, 0));
  memset(from, 9, kBytes);  // still writable
  vm_release(from, kBytes);
  vm_release(to, kBytes);
}

// A late pop of a deferred list may read there at any moment.
TEST_F(VmTest, WherePagesMoveToIsNeverUnmapped) {
  char* from = static_cast<char*>(vm_map(kBytes));
  char* to = static_cast<char*>(vm_map(kBytes));
  std::atomic<bool> done{false};
  std::atomic<uint64_t> reads{0};
  std::thread reader([&] {
    for (; !done; reads.fetch_add(1)) static_cast<void>(*static_cast<volatile char*>(to));
  });
  while (reads == 0) std::this_thread::yield();
  for (int round = 0; round < 5000; ++round) {
    *from = 1;
    ASSERT_EQ(vm_move_pages(from, to, kBytes), Moved::kDone);
  }
  done = true;
  reader.join();
  vm_release(from, kBytes);
  vm_release(to, kBytes);
}

// One mapping is moved whole or not at all; several might end in the middle.
TEST_F(VmTest, PagesOfSeveralMappingsAreNotMoved) {
  char* from = static_cast<char*>(vm_map(2 * kBytes));
  char* other = static_cast<char*>(vm_map(kBytes));
  char* to = static_cast<char*>(vm_map(2 * kBytes));
  memset(from, 7, 2 * kBytes);
  memset(other, 8, kBytes);
  memset(to, 9, 2 * kBytes);
  ASSERT_EQ(vm_move_pages(other, from + kBytes, kBytes), Moved::kDone);
  EXPECT_EQ(vm_move_pages(from, to, 2 * kBytes), Moved::kNot);
  EXPECT_TRUE(is_all(from, kBytes, 7));
  EXPECT_TRUE(is_all(from + kBytes, kBytes, 8));
  memset(to, 1, 2 * kBytes);  // still ours
  vm_release(from, 2 * kBytes);
  vm_release(other, kBytes);
  vm_release(to, 2 * kBytes);
}

TEST_F(VmTest, AWipedPageReadsAsZeroInAForkedChildAlone) {
  char* page = static_cast<char*>(vm_map(kPageBytes));
  memset(page, 7, kPageBytes);
  EXPECT_TRUE(vm_wipe_on_fork(page, kPageBytes));
  unit::in_child([&] { EXPECT_TRUE(is_all(page, kPageBytes, 0)); });
  EXPECT_TRUE(is_all(page, kPageBytes, 7));
  vm_release(page, kPageBytes);
  errno = 12345;  // fork and wait are not ours
}

TEST_F(VmTest, FailureIsAResultAndNoCrash) {
  EXPECT_EQ(vm_reserve(size_t{1} << 60, 0), nullptr);
  EXPECT_EQ(vm_map(size_t{1} << 60), nullptr);
  char* hole = static_cast<char*>(vm_reserve(kBytes, 0));
  vm_release(hole, kBytes);
  EXPECT_FALSE(vm_make_writable(hole, kBytes));
  EXPECT_FALSE(vm_discard(hole, kBytes));
}

TEST_F(VmTest, KnowsTheLimitOfTheAddressSpaceAndWhatIsUsedOfIt) {
  unit::in_child([] {
    const struct rlimit limit = {size_t{4} << 40, RLIM_INFINITY};
    ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
    const AddressSpace before = vm_address_space();
    EXPECT_EQ(before.limit, limit.rlim_cur);
    EXPECT_GT(before.used, size_t{1} << 20);
    void* more = vm_map(size_t{64} << 20);
    EXPECT_GE(vm_address_space().used, before.used + (size_t{64} << 20));
    vm_release(more, size_t{64} << 20);
  });
  errno = 12345;
  EXPECT_GT(vm_physical_bytes(), size_t{64} << 20);
}

TEST(SmallFile, NumbersAreReadInOrderAndNoMoreThanAskedFor) {
  char path[] = "/tmp/reslab-unit-XXXXXX";
  const int fd = mkstemp(path);
  const std::string text = "0-3,8 12x7\n99";
  ASSERT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  size_t numbers[8] = {};
  EXPECT_EQ(read_numbers(path, numbers, 8), 6u);
  const size_t expected[] = {0, 3, 8, 12, 7, 99};
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(numbers[i], expected[i]);
  numbers[2] = 77;
  EXPECT_EQ(read_numbers(path, numbers, 2), 2u);
  EXPECT_EQ(numbers[2], 77u);
  EXPECT_EQ(read_numbers("/nowhere/at/all", numbers, 8), 0u);
  close(fd);
  unlink(path);
}

}  // namespace
}  // namespace reslab
