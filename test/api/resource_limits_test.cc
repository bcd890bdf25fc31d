// SPDX-License-Identifier: Apache-2.0
// setrlimit and its relatives, which the library takes over (36): what the kernel refuses is refused the same way, and
// the program's pointers are looked at only behind it.
#include <gtest/gtest.h>
#include <reslab/reslab.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace {

using SetLimit = int (*)(const struct rlimit*);

struct Call {
  const char* name;
  SetLimit set;
};

const Call kCalls[] = {
    {"setrlimit", [](const struct rlimit* limit) { return setrlimit(RLIMIT_AS, limit); }},
    {"setrlimit64",
     [](const struct rlimit* limit) {
       return setrlimit64(RLIMIT_AS, reinterpret_cast<const struct rlimit64*>(limit));
     }},
    {"prlimit", [](const struct rlimit* limit) { return prlimit(0, RLIMIT_AS, limit, nullptr); }},
    {"prlimit64",
     [](const struct rlimit* limit) {
       return prlimit64(getpid(), RLIMIT_AS, reinterpret_cast<const struct rlimit64*>(limit), nullptr);
     }},
};

class ResourceLimits : public testing::TestWithParam<Call> {};

TEST_P(ResourceLimits, ABadPointerGivesEfault) {
  void* nothing = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(nothing, MAP_FAILED);
  errno = 0;
  EXPECT_EQ(GetParam().set(static_cast<const struct rlimit*>(nothing)), -1);
  EXPECT_EQ(errno, EFAULT);
  munmap(nothing, 4096);
}

TEST_P(ResourceLimits, ALimitAboveItsMaximumGivesEinval) {
  const struct rlimit upside_down = {2 << 20, 1 << 20};
  errno = 0;
  EXPECT_EQ(GetParam().set(&upside_down), -1);
  EXPECT_EQ(errno, EINVAL);
}

// In a child: limits that were lowered stay.
TEST_P(ResourceLimits, ALimitThatIsTakenIsSetAndLeavesErrnoAndTheHeapAlone) {
  const pid_t child = fork();
  if (child == 0) {
    void* object = reslab_malloc(1000);
    memset(object, 0x5a, 1000);
    const struct rlimit limit = {rlim_t{1} << 40, RLIM_INFINITY};
    errno = 4711;
    const bool taken = GetParam().set(&limit) == 0 && errno == 4711;
    struct rlimit now = {};
    getrlimit(RLIMIT_AS, &now);
    void* more = reslab_malloc(8 << 20);
    const bool works = more != nullptr && static_cast<const char*>(object)[999] == 0x5a;
    _exit(taken && works && now.rlim_cur == limit.rlim_cur ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// Where the kernel writes the old limit to what the new one was read from.
TEST(ResourceLimits, TheOldLimitMayReplaceTheNewOne) {
  const pid_t child = fork();
  if (child == 0) {
    reslab_free(reslab_malloc(1000));
    struct rlimit limit = {rlim_t{4} << 30, RLIM_INFINITY};
    const bool is_set = prlimit(0, RLIMIT_AS, &limit, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
    void* mapped = mmap(nullptr, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    _exit(is_set && mapped != MAP_FAILED ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

INSTANTIATE_TEST_SUITE_P(EachName, ResourceLimits, testing::ValuesIn(kCalls),
                         [](const testing::TestParamInfo<Call>& one) { return one.param.name; });

}  // namespace
