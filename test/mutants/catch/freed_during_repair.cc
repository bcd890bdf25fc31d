// SPDX-License-Identifier: Apache-2.0
// A free that comes while a forked child is being repaired is kept aside, and done when the repair is over (heap/aside.h).
// It comes from a handler of the repairing thread, here where a hook is, by each contract.
#include <sys/wait.h>
#include <unistd.h>

#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

constexpr size_t kRun = 300000;  // no fast path serves it

void* kept[2];
bool came;

void free_aside(void*) {
  if (came) return;
  came = true;
  reslab_free(kept[0]);
  reslab_free_nolock(kept[1]);
}

[[noreturn]] void be_the_child(const std::map<uint32_t, uint64_t>& before) {
  {
    const support::Hook repair("fork_repair", free_aside);
    reslab_free(opaque(reslab_malloc(kRun)));
  }
  expect(came, "nothing is repaired");
  expect_same_live(before);
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  const auto before = live_objects();
  for (void*& one : kept) one = opaque(reslab_malloc(kRun));
  const pid_t child = fork();
  if (child == 0) be_the_child(before);
  int status = 0;
  waitpid(child, &status, 0);
  expect(status == 0, "the child is not sound");
}
