// SPDX-License-Identifier: Apache-2.0
// base/unwind: what the unwinder does once, it has done before the first handler can run.
//
// libgcc does it by pthread_once, in the first walk of the process. A handler that interrupts that walk and walks as well
// would wait for the thread below it, which is itself. So these options take a walk at the start, also where reslab is not
// the malloc: the library under test is the core alone.
#include "base/unwind.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <cstdlib>
#include <string>

#include "heap/root.h"

namespace {
int first_times = 0;
}

// In the place of libc's, for the unwinder's library as well.
extern "C" __attribute__((visibility("default"))) int pthread_once(pthread_once_t* control, void (*run)()) {
  static const auto next = reinterpret_cast<int (*)(pthread_once_t*, void (*)())>(dlsym(RTLD_NEXT, "pthread_once"));
  first_times += *control == PTHREAD_ONCE_INIT ? 1 : 0;
  return next(control, run);
}

namespace reslab {
namespace {

int made_by_the_start = 0;

// The library's constructor is 101. Another option in the environment is the mode.
void ask_for_stacks() {
  const char* given = getenv("RESLAB_OPTIONS");
  const std::string options = std::string(given != nullptr ? given : "") + ":debug=U";
  setenv("RESLAB_OPTIONS", options.c_str(), 1);
}
[[gnu::section(".init_array.00100"), gnu::used]] void (*const before_the_library)() = ask_for_stacks;

__attribute__((constructor(103))) void look_after_the_library() { made_by_the_start = first_times; }

TEST(Unwind, TheStartTakesTheFirstWalkWhereStacksAreWanted) {
  ASSERT_NE(root().debug, nullptr) << "the option has not arrived";
  Stack stack;
  const int before = first_times;
  take_stack(stack);
  ASSERT_GT(stack.depth, 0u) << "no unwinder, which shows nothing";
  EXPECT_EQ(first_times, before) << "this was the first walk";
  EXPECT_GT(made_by_the_start, 0);
}

}  // namespace
}  // namespace reslab
