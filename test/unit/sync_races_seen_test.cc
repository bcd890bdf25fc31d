// SPDX-License-Identifier: Apache-2.0
// A build with ThreadSanitizer sees races on the memory that reslab hands out: the other tests would pass in one that is blind.
#include <gtest/gtest.h>
#include <reslab/reslab.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "support/memory_file.h"

namespace {

constexpr int kExitOfARace = 66;  // ThreadSanitizer's

// Moves an object, and what it holds, while another thread writes to it.
void race() {
  auto* const object = static_cast<char*>(reslab_malloc(4096));
  std::thread writer([object] { object[0] = 1; });
  void* const moved = reslab_realloc(object, 1 << 20);
  writer.join();
  _exit(moved == nullptr ? 1 : 0);
}

TEST(RacesSeen, AWriteToWhatReallocMoves) {
  int status = 0;
  const std::string said = unit::stderr_of([&status] {
    const pid_t child = fork();
    if (child == 0) race();
    waitpid(child, &status, 0);
  });
  EXPECT_NE(said.find("WARNING: ThreadSanitizer: data race"), std::string::npos) << said;
  EXPECT_NE(said.find("reslab_realloc"), std::string::npos) << said;
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == kExitOfARace) << status;
}

}  // namespace
