// SPDX-License-Identifier: Apache-2.0
// reslab_nolock_save and _restore: plain calls in between keep the contract of class `any`.
// For lesson 17 of docs/lessons.md.

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <reslab/reslab.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "support/opaque.h"

namespace api {
namespace {

using unit::opaque;

class Scope : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(reslab_trim(0) == 0 && errno == EDEADLK, false) << "the test has left a scope open";
  }
};

// From here on the process is killed by any system call but the one that ends it.
void forbid_system_calls() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

// Everything a program does in its daily life, until nothing is left and beyond.
void use_every_plain_call() {
  static void* held[100000];
  size_t n = 0;
  for (const size_t size : {16u, 700u, 9000u, 70000u, 400000u}) {
    for (int i = 0; i < 3000; ++i) held[n++] = opaque(malloc(size));
  }
  held[n++] = opaque(calloc(10, 1000));
  held[n++] = opaque(aligned_alloc(4096, 8192));
  for (size_t i = 0; i < n; i += 3) {
    void* grown = opaque(realloc(held[i], 800000));
    if (grown != nullptr) held[i] = grown;
  }
  for (size_t i = 0; i < n; ++i) free(held[i]);
}

TEST_F(Scope, PlainCallsMakeNoSystemCall) {
  void* warm = opaque(malloc(100000));
  free(warm);
  const pid_t child = fork();
  if (child == 0) {
    const unsigned saved = reslab_nolock_save();
    forbid_system_calls();
    use_every_plain_call();
    reslab_nolock_restore(saved);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "killed by signal " << WTERMSIG(status);
}

TEST_F(Scope, OutsideItTheSameCallsDoEnterTheKernel) {
  const pid_t child = fork();
  if (child == 0) {
    forbid_system_calls();
    use_every_plain_call();
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the filter of this test sees nothing";
}

TEST_F(Scope, FailureKeepsErrnoAndIsCounted) {
  reslab_stats before = {}, after = {};
  reslab_get_stats(&before, sizeof before);
  const unsigned saved = reslab_nolock_save();
  errno = 4711;
  EXPECT_EQ(opaque(reslab_malloc(size_t{1} << 36)), nullptr);
  EXPECT_EQ(errno, 4711);
  reslab_nolock_restore(saved);
  reslab_get_stats(&after, sizeof after);
  EXPECT_EQ(after.nolock_failures - before.nolock_failures, 1u);
  EXPECT_EQ(opaque(reslab_malloc(size_t{1} << 46)), nullptr);
  EXPECT_EQ(errno, ENOMEM) << "a plain call again";
}

TEST_F(Scope, Nests) {
  const unsigned outer = reslab_nolock_save();
  const unsigned inner = reslab_nolock_save();
  reslab_nolock_restore(inner);
  EXPECT_EQ(reslab_check(2), -1) << "maintenance is refused in a scope";
  EXPECT_EQ(errno, EDEADLK);
  reslab_nolock_restore(outer);
  EXPECT_EQ(reslab_check(2), 0);
}

TEST_F(Scope, ClosingTheOuterOneClosesTheInner) {
  const unsigned outer = reslab_nolock_save();
  (void)opaque(reinterpret_cast<void*>(static_cast<uintptr_t>(reslab_nolock_save())));
  reslab_nolock_restore(outer);
  EXPECT_EQ(reslab_check(2), 0);
}

TEST_F(Scope, ReallocInsideKeepsTheContents) {
  auto* object = static_cast<char*>(opaque(malloc(100)));
  strcpy(object, "kept");
  const unsigned saved = reslab_nolock_save();
  auto* grown = static_cast<char*>(opaque(realloc(object, 5000)));
  reslab_nolock_restore(saved);
  ASSERT_NE(grown, nullptr);
  EXPECT_STREQ(grown, "kept");
  free(grown);
}

}  // namespace
}  // namespace api
