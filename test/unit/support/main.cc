// SPDX-License-Identifier: Apache-2.0
// The main of every unit test program.
//
// The programs link the core alone: reslab_* and the internals below it. Their own malloc, and so GoogleTest's, stays
// libc's: what happens in the heap under test is what the test did.
#include "support/mode.h"

namespace {

class ModeCheck : public testing::Environment {
 public:
  void SetUp() override { unit::expect_wanted_mode(); }
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new ModeCheck);  // GoogleTest deletes it
  return RUN_ALL_TESTS();
}
