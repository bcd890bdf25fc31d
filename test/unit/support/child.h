// SPDX-License-Identifier: Apache-2.0
// Tests that need a heap, or a whole process, of their own: their body runs in a forked child.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

namespace unit {

// Fails the running test if one of `body`'s checks fails, if it dies, or if it hangs: SIGALRM ends it after `seconds`.
template <class Body>
void in_child(Body body, unsigned seconds = 30) {
  fflush(nullptr);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(seconds);
    body();
    fflush(nullptr);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_FALSE(WIFSIGNALED(status)) << "the child was killed by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0) << "the child's checks are above";
}

}  // namespace unit
