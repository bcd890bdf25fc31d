// SPDX-License-Identifier: Apache-2.0
// The operators as the C++ standard has them: the new-handler, the exceptions, the forms with size and alignment. Sizes
// around limits and pairings are in limits_test.cc and pairing_test.cc, where the operators are rows of the table.

#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "support/opaque.h"

namespace api {
namespace {

using unit::opaque;

volatile size_t impossible_bytes = PTRDIFF_MAX;

int handler_calls;

// Takes the handler away again when the test is over.
class NewHandler : public testing::Test {
 protected:
  void SetUp() override { handler_calls = 0; }
  void TearDown() override { std::set_new_handler(nullptr); }
};

TEST_F(NewHandler, WithoutOneNewThrowsBadAlloc) {
  EXPECT_THROW(opaque(operator new(impossible_bytes)), std::bad_alloc);
  EXPECT_THROW(opaque(operator new[](impossible_bytes)), std::bad_alloc);
  EXPECT_THROW(opaque(operator new (impossible_bytes, std::align_val_t{64})), std::bad_alloc);
  EXPECT_THROW(opaque(operator new[](impossible_bytes, std::align_val_t{64})), std::bad_alloc);
}

TEST_F(NewHandler, WithoutOneNothrowNewReturnsNull) {
  EXPECT_EQ(opaque(operator new(impossible_bytes, std::nothrow)), nullptr);
  EXPECT_EQ(opaque(operator new[](impossible_bytes, std::nothrow)), nullptr);
  EXPECT_EQ(opaque(operator new (impossible_bytes, std::align_val_t{64}, std::nothrow)), nullptr);
  EXPECT_EQ(opaque(operator new[](impossible_bytes, std::align_val_t{64}, std::nothrow)), nullptr);
}

TEST_F(NewHandler, IsCalledUntilItTakesItselfAway) {
  std::set_new_handler([] {
    if (++handler_calls == 3) std::set_new_handler(nullptr);
  });
  EXPECT_THROW(opaque(operator new(impossible_bytes)), std::bad_alloc);
  EXPECT_EQ(handler_calls, 3);
}

TEST_F(NewHandler, IsCalledForEveryForm) {
  const auto once = [] {
    ++handler_calls;
    std::set_new_handler(nullptr);
  };
  std::set_new_handler(once);
  EXPECT_THROW(opaque(operator new[](impossible_bytes)), std::bad_alloc);
  std::set_new_handler(once);
  EXPECT_THROW(opaque(operator new (impossible_bytes, std::align_val_t{4096})), std::bad_alloc);
  std::set_new_handler(once);
  EXPECT_EQ(opaque(operator new(impossible_bytes, std::nothrow)), nullptr);
  std::set_new_handler(once);
  EXPECT_EQ(opaque(operator new[](impossible_bytes, std::align_val_t{64}, std::nothrow)), nullptr);
  EXPECT_EQ(handler_calls, 4);
}

TEST_F(NewHandler, MayThrowThroughNew) {
  struct Rescue {};
  std::set_new_handler([] { throw Rescue{}; });
  EXPECT_THROW(opaque(operator new(impossible_bytes)), Rescue);
  EXPECT_THROW(opaque(operator new (impossible_bytes, std::align_val_t{64})), Rescue);
}

TEST_F(NewHandler, WhatItThrowsIsNullForNothrowNew) {
  std::set_new_handler([] {
    ++handler_calls;
    throw std::bad_alloc();
  });
  EXPECT_EQ(opaque(operator new(impossible_bytes, std::nothrow)), nullptr);
  EXPECT_EQ(opaque(operator new[](impossible_bytes, std::align_val_t{64}, std::nothrow)), nullptr);
  EXPECT_EQ(handler_calls, 2);
}

TEST_F(NewHandler, MayAllocate) {
  std::set_new_handler([] {
    delete[] opaque(new char[1000]);
    if (++handler_calls == 10) std::set_new_handler(nullptr);
  });
  EXPECT_THROW(opaque(operator new(impossible_bytes)), std::bad_alloc);
  EXPECT_EQ(handler_calls, 10);
}

TEST(OperatorNew, ContainersThrowAndLiveOn) {
  std::vector<char> bytes(100, 'x');
  EXPECT_THROW(bytes.reserve(impossible_bytes - 1), std::bad_alloc);
  EXPECT_EQ(bytes.size(), 100u);
  EXPECT_EQ(bytes.back(), 'x');
}

TEST(OperatorNew, AnAlignmentThatIsNoPowerOfTwoThrows) {
  volatile size_t odd = 24;
  EXPECT_THROW(opaque(operator new (100, std::align_val_t{odd})), std::bad_alloc);
  EXPECT_EQ(opaque(operator new (100, std::align_val_t{odd}, std::nothrow)), nullptr);
}

TEST(OperatorNew, SizeZeroIsUnique) {
  void* one = opaque(operator new(0));
  void* other = opaque(operator new(0));
  EXPECT_NE(one, nullptr);
  EXPECT_NE(one, other);
  operator delete(one);
  operator delete (other, size_t{0});
}

struct alignas(256) Line {
  char bytes[256];
};

TEST(OperatorNew, OveralignedTypesAreAligned) {
  for (int i = 0; i < 100; ++i) {
    auto one = std::make_unique<Line>();
    auto many = std::make_unique<Line[]>(3);
    EXPECT_TRUE(unit::is_aligned(one.get(), alignof(Line)));
    EXPECT_TRUE(unit::is_aligned(many.get(), alignof(Line)));
  }
}

// The class of a free comes from the heap's map: a size that fits another class sends nothing to the wrong magazine
// (14).
TEST(OperatorDelete, TheSizeDoesNotChooseTheClass) {
  void* small = opaque(operator new(64));
  operator delete (small, size_t{4000});
  for (int i = 0; i < 1000; ++i) {
    void* large = opaque(operator new(4000));
    memset(large, 1, 4000);
    EXPECT_GE(reslab_usable_size(large), 4000u);
    operator delete (large, size_t{4000});
  }
}

struct Counted {
  explicit Counted(bool fails) {
    if (fails) throw 1;
  }
  char bytes[48];
};

TEST(OperatorDelete, FreesWhatAConstructorThatThrowsLeaves) {
  const auto live = [] {
    reslab_stats stats = {};
    reslab_get_stats(&stats, sizeof stats);
    return stats.bytes_live;
  };
  const auto throw_often = [] {
    for (int i = 0; i < 10000; ++i) EXPECT_THROW(opaque(new Counted(true)), int);
  };
  throw_often();
  const uint64_t before = live();
  throw_often();
  EXPECT_LT(live(), before + 10000);
}

}  // namespace
}  // namespace api
