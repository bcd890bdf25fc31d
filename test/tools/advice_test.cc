// SPDX-License-Identifier: Apache-2.0
// What a user is told whom the kernel does not let read a process: never less than what to do.

#include <gtest/gtest.h>

#include "memory.h"

namespace reslab::outside {
namespace {

TEST(Advice, NamesWhatToDoForEachReason) {
  EXPECT_NE(advice_for_permission(Owner::kOtherUser, -1).find("as that user or as root"), std::string::npos);
  EXPECT_NE(advice_for_permission(Owner::kOtherUser, 1).find("as that user or as root"), std::string::npos);
  EXPECT_NE(advice_for_permission(Owner::kSameUser, 1).find("sudo sysctl kernel.yama.ptrace_scope=0"),
            std::string::npos);
  EXPECT_NE(advice_for_permission(Owner::kSameUser, 2).find("run this command as root"), std::string::npos);
  EXPECT_NE(advice_for_permission(Owner::kSameUser, 3).find("until the machine starts again"), std::string::npos);
  EXPECT_NE(advice_for_permission(Owner::kSameUser, 0).find("PR_SET_DUMPABLE"), std::string::npos);
}

TEST(Advice, IsOneLine) {
  for (const Owner owner : {Owner::kSameUser, Owner::kOtherUser}) {
    for (int yama = -1; yama <= 3; ++yama) {
      EXPECT_EQ(advice_for_permission(owner, yama).find('\n'), std::string::npos);
    }
  }
}

TEST(Target, IsAProcessIfItIsANumber) {
  EXPECT_TRUE(is_number("123"));
  EXPECT_FALSE(is_number(""));
  EXPECT_FALSE(is_number("core.123"));
  EXPECT_FALSE(is_number("-1"));
}

}  // namespace
}  // namespace reslab::outside
